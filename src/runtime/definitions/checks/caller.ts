/* What comes beside an event: who sends it, to which instance, and with which idempotency key. */
import { InvalidEventError } from '../../errors.js'
import { isText } from '../stored-value.js'
import { at, isObject, shown } from './fault.js'
import { complaintAboutKey, UNSTORABLE_TEXT } from './text.js'

/** As the contract has it. Together with its scope it is the key of a row. */
const MAX_IDEMPOTENCY_KEY_LENGTH = 255

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** There is no instance of any other id, and the database would not take it for one. */
export const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value)

/** Throws `InvalidEventError`. The actor is journaled, and its id is a part of keys. */
export function checkActor(actor: unknown): void {
  if (!isObject(actor)) refuse('actor', `expected an object { id, role }, got ${shown(actor)}`)
  for (const name of ['id', 'role']) {
    const complaint = complaintAboutKey(actor[name])
    if (complaint !== undefined) refuse(at('actor', name), `${complaint}; got ${shown(actor[name])}`)
  }
  for (const name in actor) {
    const value = actor[name]
    if (value === undefined) continue
    if (typeof value !== 'string') refuse(at('actor', name), `expected a string, got ${shown(value)}`)
    else if (!isText(value)) refuse(at('actor', name), UNSTORABLE_TEXT)
  }
}

/** Throws `InvalidEventError`. */
export function checkIdempotencyKey(key: unknown): void {
  if (typeof key !== 'string' || key === '') refuse('key', `expected a string, got ${shown(key)}`)
  else if (key.length > MAX_IDEMPOTENCY_KEY_LENGTH) {
    refuse('key', `expected ${MAX_IDEMPOTENCY_KEY_LENGTH} characters at most, got ${key.length}`)
  } else if (!isText(key)) refuse('key', UNSTORABLE_TEXT)
}

function refuse(path: string, message: string): never {
  throw new InvalidEventError(`${path}: ${message}`, [{ path, message }])
}
