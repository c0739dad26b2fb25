/*
 * What a transition leads to, checked before anything of it is taken over: the database would refuse it later, together
 * with the transitions of others. What is wrong fails its event alone.
 */
import type { Refusal } from '../../definition.js'
import { DefinitionError } from '../../errors.js'
import type { Effect } from '../step.js'
import { complaintAboutDelay } from './delays.js'
import { at, isObject, shown } from './fault.js'
import { complaintAboutKey } from './text.js'

interface Named {
  readonly name: string
  readonly version: number
}

interface Complaint {
  /** Begins where the value does: empty for the value itself. */
  readonly path: string
  readonly message: string
}

/** Throws `DefinitionError`: `door v2: owner: expected a string, got undefined`. */
export function refuseValue({ name, version }: Named, path: string, message: string): never {
  throw new DefinitionError(`${name} v${version}: ${path}: ${message}`)
}

/** What `status` or `owner` gave. */
export function checkedWord(definition: Named, path: 'status' | 'owner', word: unknown): string {
  if (typeof word === 'string' && complaintAboutKey(word) === undefined) return word
  return refuseValue(definition, path, `${complaintAboutKey(word)}${gotOther(word, 'string')}`)
}

/** What `claims` gave. Its keys are checked when they are taken: an instance may hold a thousand, and take one. */
export function checkedClaims(definition: Named, claims: unknown): readonly string[] {
  if (Array.isArray(claims)) return claims
  return refuseValue(definition, 'claims', `expected an array of strings, got ${shown(claims)}`)
}

/** Keys among `claims` that a transition takes. */
export function checkTakenKeys(
  definition: Named,
  taken: readonly unknown[],
  claims: readonly unknown[],
): void {
  for (const key of taken) {
    const message = complaintAboutKey(key)
    if (message === undefined) continue
    refuseValue(definition, at('claims', claims.indexOf(key)), `${message}${gotOther(key, 'string')}`)
  }
}

/** What one of the functions that refuse gave. */
export function checkedRefusal(
  definition: Named,
  path: 'refuse' | 'refusePermanently' | 'refuseClaim',
  refusal: unknown,
): Refusal {
  if (isObject(refusal) && typeof refusal.reason === 'string') return refusal as unknown as Refusal
  return refuseValue(definition, path, `expected an object with a string "reason", got ${shown(refusal)}`)
}

/** Whom an emitted event concerns: absent, or an array of ids. */
export function complaintAboutAudience(audience: unknown): Complaint | undefined {
  return audience === undefined ? undefined : complaintAboutKeys(audience)
}

/** Throws `DefinitionError` for an effect that cannot be stored. */
export function checkEffects(definition: Named, effects: readonly Effect[]): void {
  for (const effect of effects) {
    switch (effect.kind) {
      case 'emit':
        checkEmitted(definition, effect.event)
        break
      case 'arm':
        checkTimer(definition, effect)
        break
      case 'disarm':
        checkCancelled(definition, effect.sendId)
    }
  }
}

function checkEmitted(definition: Named, event: unknown): void {
  if (!isObject(event))
    refuseValue(definition, 'emit', `expected an object with a "type", got ${shown(event)}`)
  const complaint = complaintAboutKey(event.type)
  if (complaint !== undefined) {
    refuseValue(definition, 'emit.type', `${complaint}${gotOther(event.type, 'string')}`)
  }
  const found = complaintAboutAudience(event.audience)
  if (found !== undefined) {
    refuseValue(definition, `emit(${shown(event.type)}).audience${found.path}`, found.message)
  }
}

function checkTimer(definition: Named, { sendId, delayMs, event }: Extract<Effect, { kind: 'arm' }>): void {
  const id = complaintAboutKey(sendId)
  if (id !== undefined) refuseValue(definition, 'raise.id', `${id}${gotOther(sendId, 'string')}`)
  const path = `the timer ${shown(sendId)}`
  const delay = complaintAboutDelay(delayMs)
  if (delay !== undefined) refuseValue(definition, `${path}: delay`, delay)
  if (isObject(event) && typeof event.type === 'string') return
  refuseValue(definition, `${path}: event`, `expected an object with a string "type", got ${shown(event)}`)
}

/** XState finds a timer `'5'` by `cancel(5)`, and nothing by `cancel(undefined)`. */
function checkCancelled(definition: Named, sendId: unknown): void {
  if (typeof sendId === 'string' || sendId === undefined) return
  refuseValue(definition, 'cancel', `expected a string, got ${shown(sendId)}`)
}

function complaintAboutKeys(keys: unknown): Complaint | undefined {
  if (!Array.isArray(keys)) return { path: '', message: `expected an array of strings, got ${shown(keys)}` }
  for (const [i, key] of keys.entries()) {
    const message = complaintAboutKey(key)
    if (message !== undefined) return { path: at('', i), message: `${message}${gotOther(key, 'string')}` }
  }
  return undefined
}

const gotOther = (value: unknown, type: string) => (typeof value === type ? '' : `, got ${shown(value)}`)
