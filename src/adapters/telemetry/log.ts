/*
 * Logs: one JSON object a line, with the process and the release that wrote it. Secrets, places and phone numbers are
 * removed here, whatever a caller passes to the log.
 */
import { type DestinationStream, type Logger, pino } from 'pino'

export interface LogOptions {
  readonly level: string
  readonly version: string
  /** Tells processes of one release apart. */
  readonly instanceId: string
  readonly destination: DestinationStream
}

export function createLog({ level, version, instanceId, destination }: LogOptions): Logger {
  const options = {
    level,
    base: { version, instanceId },
    formatters: { log: (fields: Record<string, unknown>) => scrubFields(fields, 0) },
    // The formatter above has already described every error, whatever its field is called.
    serializers: { err: (described: unknown) => described },
  }
  return pino(options, destination)
}

const HIDDEN = '[hidden]'
/** Nothing here logs deeper values. Without a limit, a value that contains itself would hang the process. */
const MAX_DEPTH = 6

/** Names of fields, in lower case, whose values give access, or say where or who a person is. */
const closed = new Set([
  ...['authorization', 'cookie', 'token', 'accesstoken', 'refreshtoken', 'devicetoken', 'password', 'secret'],
  ...['jwtsecret', 'jwtrefreshsecret', 'databaseurl', 'connectionstring', 'redisurl', 'fcmserviceaccount'],
  ...['lat', 'lng', 'pickup', 'drop', 'place', 'position', 'location', 'address', 'phone'],
])

function scrubFields(fields: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      closed.has(name.toLowerCase()) ? HIDDEN : scrub(value, depth),
    ]),
  )
}

function scrub(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return describeError(value)
  if (depth >= MAX_DEPTH) return HIDDEN
  if (Array.isArray(value)) return value.map(item => scrub(item, depth + 1))
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? value : scrubFields(value as Record<string, unknown>, depth + 1)
}

/** Hides credentials wherever they are in a text: a password in a URL, a token. */
function scrubText(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, `$1${HIDDEN}@`)
    .replaceAll(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, HIDDEN)
}

/** SQLSTATE class 22: the message quotes the value that cannot be stored, which may be anything. */
const NAMES_A_VALUE = /^22/

/**
 * Describes an error by its type, message, code, stack and cause. Other properties are left out: an error of the database
 * carries rows and parameters, and one of a request carries headers.
 */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return scrub(error, 1)
  const { name, message, stack = '', cause, code, constraint } = error as Error & Record<string, unknown>
  const isTelling = typeof code === 'string' && NAMES_A_VALUE.test(code)
  const says = isTelling ? HIDDEN : scrubText(message)
  const frames = String(stack)
    .split('\n')
    .filter(line => /^\s+at /.test(line))
  return {
    type: name,
    message: says,
    ...(code === undefined ? {} : { code }),
    ...(constraint === undefined ? {} : { constraint }),
    stack: frames.join('\n'),
    ...(cause === undefined || depth >= MAX_DEPTH ? {} : { cause: describeError(cause, depth + 1) }),
  }
}
