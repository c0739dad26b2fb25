/* A fault of a definition: where it is, and what was expected there. */

export interface Fault {
  /** Its name and version: `door v2`. Where it has no usable name, its place: `definitions[1]`. */
  readonly definition: string
  /** Where in the definition: `machine.states.a.on.GO.guard.and[1]`. */
  readonly path: string
  readonly message: string
}

/** Notes a fault of the definition that is being checked. */
export type Report = (path: string, message: string) => void

/** Values in messages are cut here: a message is read by people. */
const MAX_SHOWN_LENGTH = 80

/** The path of a member: `a.b`, `a[1]`, `a["b.c"]`. */
export function at(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}

/** A value as a message shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value, MAX_SHOWN_LENGTH))
  if (value === null || ['undefined', 'number', 'boolean'].includes(typeof value)) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Bounded, and well-formed: never half a character. */
export function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength).toWellFormed()}…`
}

/** The elements with their paths: of an array, or the one element that stands for an array of one. */
export function each(value: unknown, path: string): readonly (readonly [unknown, string])[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value.map((one, i) => [one, at(path, i)] as const) : [[value, path]]
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
