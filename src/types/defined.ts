/** `T` without `undefined` as a value: a property that may be undefined is optional instead. */
export type Defined<T extends object> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K]
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/**
 * Returns a copy of `fields` without the properties whose value is `undefined`. With `exactOptionalPropertyTypes` an
 * optional property may be absent but not undefined. Not for hot paths: it looks at each property in turn.
 */
export function defined<T extends object>(fields: T): Defined<T> {
  const copy: Partial<T> = {}
  for (const key in fields) if (fields[key] !== undefined) copy[key] = fields[key]
  return copy as unknown as Defined<T>
}
