/*
 * What can be seen of a command's or an input's zod schema before anything is parsed. Transforms, custom schemas and
 * records show nothing: then nothing is reported, and the parsed value is checked when it comes.
 */
import { isObject, type Report, shown } from './fault.js'

/** The stamp is the engine's: a field of this name would be overwritten. */
export const STAMP_FIELDS = ['at', 'uid'] as const

/** Wrappers nest a few levels deep. A lazy schema may contain itself. */
const MAX_DEPTH = 20

export function checkSchema(schema: unknown, path: string, report: Report): void {
  if (!isObject(schema) || typeof schema.safeParse !== 'function') {
    report(path, `expected a zod schema, got ${shown(schema)}`)
    return
  }
  const shapes = shapesOf(schema)
  for (const field of STAMP_FIELDS) {
    if (!shapes.some(one => one !== undefined && Object.hasOwn(one.shape, field))) continue
    report(
      path,
      `declares the field "${field}", which the engine fills in (see Stamp): give the field another name`,
    )
  }
}

/** The schema of a command must let the command's own type through. */
export function checkTypeField(schema: unknown, type: string, path: string, report: Report): void {
  const shapes = shapesOf(schema)
  const misfits = shapes.map(one => one && misfitOf(one, type))
  const [first] = misfits
  if (first !== undefined && misfits.every(misfit => misfit !== undefined)) report(path, first)
}

interface Shape {
  readonly shape: Readonly<Record<string, unknown>>
  /** `never` is a strict object, `unknown` a loose one; absent: other fields are left out. */
  readonly catchall: string | undefined
}

function misfitOf({ shape, catchall }: Shape, type: string): string | undefined {
  if (!Object.hasOwn(shape, 'type')) {
    const expected = `expected a field "type": z.literal(${shown(type)})`
    if (catchall === undefined) return `${expected}; without it the schema drops the type`
    return catchall === 'never' ? `${expected}; without it the schema refuses every command` : undefined
  }
  const values = literalsOf(shape.type)
  if (values === undefined || values.includes(type)) return undefined
  return `expected "type" to take ${shown(type)}, the name of the command; it takes ${values.map(shown).join(', ')}`
}

function literalsOf(schema: unknown): readonly unknown[] | undefined {
  const def = defOf(schema)
  if (def?.type === 'literal' && Array.isArray(def.values)) return def.values
  return def?.type === 'enum' && isObject(def.entries) ? Object.values(def.entries) : undefined
}

/** The object shapes that a parsed value may have; `undefined` stands for one that cannot be seen. */
function shapesOf(schema: unknown, depth = 0): readonly (Shape | undefined)[] {
  const def = depth > MAX_DEPTH ? undefined : defOf(schema)
  const inner = (one: unknown) => shapesOf(one, depth + 1)
  switch (def?.type) {
    case 'object': {
      const catchall = defOf(def.catchall)?.type
      return isObject(def.shape)
        ? [{ shape: def.shape, catchall: typeof catchall === 'string' ? catchall : undefined }]
        : [undefined]
    }
    case 'union':
      return Array.isArray(def.options) ? def.options.flatMap(inner) : [undefined]
    case 'intersection':
      // Each side may have what the other lacks.
      return [...inner(def.left), ...inner(def.right), undefined]
    case 'pipe':
      return inner(def.out)
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return inner(def.innerType)
    case 'lazy':
      return typeof def.getter === 'function' ? inner(def.getter()) : [undefined]
    default:
      return [undefined]
  }
}

function defOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isObject(schema) || !isObject(schema._zod)) return undefined
  return isObject(schema._zod.def) ? schema._zod.def : undefined
}
