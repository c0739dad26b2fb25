/*
 * Parses commands and inputs from outside with the definition's schemas. A parsed value can be stored, and has no field
 * of the stamp.
 */
import type { z } from 'zod'
import type { Definition } from './definition.js'
import { checkActor } from './definitions/checks/caller.js'
import { cut, isObject, shown } from './definitions/checks/fault.js'
import { STAMP_FIELDS } from './definitions/checks/schemas.js'
import { storedValue, UnstorableValueError } from './definitions/stored-value.js'
import { DefinitionError, InvalidEventError } from './errors.js'
import type { Actor } from './types.js'

/** Enough to correct a form. A payload of a million mistakes is not worth more. */
const MAX_ISSUES_TOLD = 10
/** The length of one path or message. Zod repeats the names of unknown fields, which may be a megabyte. */
const MAX_TOLD_LENGTH = 200
/** In a message that lists the commands of a definition. */
const MAX_COMMANDS_TOLD = 20

interface Issue {
  /** Dotted. Empty for the whole value. */
  readonly path: string
  readonly message: string
}

/** Parses a command. Names that begin with `xstate.` are always refused, whatever the schemas say. */
export function parseCommand<T extends { readonly type: string }>(definition: Definition, event: T): T {
  const { name, commands } = definition
  const type: unknown = isObject(event) ? event.type : undefined
  if (typeof type !== 'string') {
    const message = isObject(event) ? `expected a string, got ${shown(type)}` : undefined
    const issue = {
      path: 'type',
      message: message ?? `expected an object with a "type", got ${shown(event)}`,
    }
    throw invalid(`An event of "${name}" is not valid`, [issue])
  }
  if (type.startsWith('xstate.')) {
    throw invalid(`"${name}" takes no event ${shown(type)}`, [{ path: 'type', message: reserved(type) }])
  }
  // XState takes no event of the type `*`, which stands for all of them in transitions.
  const schema = Object.hasOwn(commands, type) && type !== '*' ? commands[type] : undefined
  if (schema === undefined) {
    const message = `expected one of: ${list(Object.keys(commands))}`
    throw invalid(`"${name}" has no command ${shown(type)}`, [{ path: 'type', message }])
  }
  const complaint = `The command ${shown(type)} of "${name}" is not valid`
  const parsed = parse(schema, event, complaint, definition)
  if (!isObject(parsed) || parsed.type !== type) {
    const became = isObject(parsed)
      ? `"type" into ${shown(parsed.type)}`
      : `the command into ${shown(parsed)}`
    throw new DefinitionError(
      `${name} v${definition.version}: commands[${shown(type)}]: the schema turned ${became}`,
    )
  }
  return parsed as T
}

export function parseInput(definition: Definition, input: unknown): object {
  const complaint = `The input of "${definition.name}" is not valid`
  const parsed = parse(definition.input, input, complaint, definition) ?? {}
  if (isObject(parsed)) return parsed
  // The input gets a stamp, and only an object can hold one.
  const message = `expected an object, got ${shown(parsed)}: wrap it, as in { value: … }`
  throw invalid(complaint, [{ path: '', message }])
}

/** Parses the actor as it is journaled. Throws `InvalidEventError`. */
export function parseActor(actor: Actor): Actor {
  checkActor(actor)
  return storable(actor, 'The actor is not valid')
}

function parse(schema: z.ZodType, value: unknown, complaint: string, definition: Definition): unknown {
  let result: ReturnType<typeof schema.safeParse>
  try {
    result = schema.safeParse(value)
  } catch (cause) {
    const { name, version } = definition
    throw new DefinitionError(`${name} v${version}: a schema threw: ${String(cause)}. ${complaint}`, cause)
  }
  if (!result.success) throw invalid(complaint, result.error.issues.map(toIssue))
  const parsed = result.data
  const stamped = isObject(parsed) ? STAMP_FIELDS.filter(field => parsed[field] !== undefined) : []
  if (stamped.length > 0) {
    const message = 'is filled in by the engine: give the field another name'
    throw invalid(
      complaint,
      stamped.map(path => ({ path, message })),
    )
  }
  return storable(parsed, complaint)
}

/** Returns the value as it will be stored. Throws `InvalidEventError` if JSON cannot hold it. */
function storable<T>(value: T, complaint: string): T {
  try {
    return storedValue(value, '')
  } catch (error) {
    if (!(error instanceof UnstorableValueError)) throw error
    const path = error.path.replace(/^\./, '')
    throw invalid(complaint, [{ path, message: path === '' ? `it ${error.complaint}` : error.complaint }])
  }
}

function reserved(type: string): string {
  const reason = 'names that begin with "xstate." are reserved and never come from outside'
  return type.startsWith('xstate.route')
    ? `${reason}: instead of \`route\`, let a command of the definition target the state`
    : reason
}

/** The message contains the issues, because often only the message is logged. */
function invalid(complaint: string, issues: readonly Issue[]): InvalidEventError {
  const told = issues.slice(0, MAX_ISSUES_TOLD).map(({ path, message }) => {
    const text = cut(message, MAX_TOLD_LENGTH)
    return path === '' ? text : `${cut(path, MAX_TOLD_LENGTH)}: ${text}`
  })
  if (issues.length > told.length) told.push(`and ${issues.length - told.length} more`)
  return new InvalidEventError(`${complaint}: ${told.join('; ')}`, issues)
}

function toIssue(issue: z.core.$ZodIssue): Issue {
  const { path, message } = closest(issue)
  return { path: path.map(String).join('.'), message }
}

type Located = Pick<z.core.$ZodIssue, 'path' | 'message'>

/**
 * For a union, returns the issue of the alternative that parsed furthest. The union's own issue only says "invalid".
 */
function closest(issue: z.core.$ZodIssue): Located {
  if (issue.code !== 'invalid_union') return issue
  const deepest = issue.errors
    .flatMap(alternative => alternative.slice(0, 1).map(closest))
    .reduce<Located | undefined>(
      (best, one) => (best === undefined || one.path.length > best.path.length ? one : best),
      undefined,
    )
  return deepest === undefined ? issue : { ...deepest, path: [...issue.path, ...deepest.path] }
}

function list(names: readonly string[]): string {
  const told = names.slice(0, MAX_COMMANDS_TOLD).map(name => cut(name, MAX_TOLD_LENGTH))
  return `${told.join(', ')}${names.length > told.length ? ', …' : ''}`
}
