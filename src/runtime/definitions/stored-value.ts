/*
 * A machine's values as a restart reads them. Values that JSON does not hold are refused, with the path and a way out.
 * The few that JSON changes without harm (`undefined` members, -0) are changed at once, in the process that made them.
 */
import { DefinitionError } from '../errors.js'

/** Deeper than any real context; one that contains itself ends here. */
const MAX_DEPTH = 200
/** Of a path in a message: enough to find it, also of one that leads round in a circle. */
const MAX_KEYS_TOLD = 12
/** V8 reads frozen arrays ten times slower, which long ones would feel. Their elements are frozen all the same. */
const MAX_FROZEN_LENGTH = 64
/** XState marks references to actors with this key when it stores a context, and looks for it when it restores one. */
const ACTOR_MARK = 'xstate$$type'
const ACTOR_MARK_VALUE = 1
/** Keys that were found storable: the names of properties come again and again. Far more than a process has machines for. */
const storableKeys = new Set<string>()
const MAX_STORABLE_KEYS = 10_000

/** The value cannot be stored as it is. */
export class UnstorableValueError extends DefinitionError {
  readonly path: string
  readonly complaint: string

  constructor(path: string, complaint: string) {
    super(`${path} ${complaint}`)
    this.name = 'UnstorableValueError'
    this.path = path
    this.complaint = complaint
  }
}

/**
 * Returns a copy of `value`, equal to what JSON gives back. What is the same object in `before`, an earlier result
 * for the same place, is kept. Throws `UnstorableValueError`; its path begins with `root`.
 */
export function storedValue<T>(value: T, root: string, before?: unknown): T {
  return new Copier(root).copy(value, before) as T
}

/** Freezes a value that was parsed from JSON. */
export function freezeParsed<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freezeParsed(inner)
    frozen(value)
  }
  return value
}

/** A change in place would also change the last committed snapshot. */
function frozen(value: object): object {
  return Array.isArray(value) && value.length > MAX_FROZEN_LENGTH ? value : Object.freeze(value)
}

/** Postgres stores no NUL, and UTF-8 has no half of a surrogate pair. */
export const isText = (text: string) => !text.includes('\0') && text.isWellFormed()

const NOTHING = Object.freeze({})

class Copier {
  readonly #root: string
  /** Where the copier is. */
  readonly #keys: (string | number)[] = []

  constructor(root: string) {
    this.#root = root
  }

  copy(value: unknown, before: unknown): unknown {
    switch (typeof value) {
      case 'string':
        if (!isText(value)) this.#refuse('has a character that cannot be stored (NUL or half a pair)')
        return value
      case 'boolean':
      case 'undefined':
        return value
      case 'number':
        if (!Number.isFinite(value)) {
          this.#refuse(`is ${value}: store null, or a number that JSON has`)
        }
        return value === 0 ? 0 : value // -0
      case 'object':
        if (value === null || value === before) return value
        if (this.#keys.length >= MAX_DEPTH) {
          this.#refuse(`is nested deeper than ${MAX_DEPTH} levels, or contains itself`)
        }
        return frozen(Array.isArray(value) ? this.#array(value, before) : this.#object(value, before))
      case 'bigint':
        return this.#refuse('is a BigInt: store a number or a string')
      case 'function':
        return this.#refuse('is a function: store what it would return, or a name for it')
      default:
        return this.#refuse(`is a ${typeof value}: store a string`)
    }
  }

  #array(value: readonly unknown[], before: unknown): unknown[] {
    if (Object.getPrototypeOf(Object.getPrototypeOf(Object.getPrototypeOf(value))) !== null) {
      this.#refuse(`is a ${nameOf(value)}: store a plain array`)
    }
    const known: readonly unknown[] = Array.isArray(before) ? before : []
    const copy = value.slice()
    for (let i = 0; i < copy.length; i++) {
      const inner = copy[i]
      if (inner === known[i] && inner !== undefined) {
        copy[i] = known[i] // 0 where -0 was assigned
        continue
      }
      if (inner === undefined && !(i in value)) this.#refuse(`has no element at ${i}: store null there`)
      this.#keys.push(i)
      copy[i] = inner === undefined ? null : this.copy(inner, known[i])
      this.#keys.pop()
    }
    if (Object.keys(value).length !== value.length) {
      const named = Object.keys(value).find(key => !(Number(key) < value.length))
      this.#refuse(`is an array with a property ${JSON.stringify(named)}: store an object`)
    }
    return copy
  }

  #object(value: object, before: unknown): object {
    if ('sessionId' in value && 'send' in value) {
      this.#refuse('is a reference to an actor, which cannot be stored: store its id')
    }
    this.#assertPlain(value)
    const keys = Object.keys(value)
    if (Object.getOwnPropertySymbols(value).length > 0) {
      this.#refuse('has a symbol as a key: use a string')
    }
    const given = value as Readonly<Record<string, unknown>>
    if (given[ACTOR_MARK] === ACTOR_MARK_VALUE) {
      this.#refuse(`has ${ACTOR_MARK}: ${ACTOR_MARK_VALUE}, by which XState knows references to actors`)
    }
    const known = (typeof before === 'object' && before !== null ? before : NOTHING) as typeof given
    const copy: Record<string, unknown> = {}
    for (const key of keys) {
      const inner = given[key]
      const innerBefore = known[key]
      if (!storableKeys.has(key)) this.#assertKey(key)
      if (inner === undefined) continue
      if (inner === innerBefore) {
        copy[key] = innerBefore // 0 where -0 was assigned
        continue
      }
      this.#keys.push(key)
      copy[key] = this.copy(inner, innerBefore)
      this.#keys.pop()
    }
    return copy
  }

  #assertKey(key: string): void {
    if (key === '__proto__' || !isText(key)) {
      this.#refuse(`has the key ${JSON.stringify(key)}, which cannot be stored`)
    }
    if (storableKeys.size >= MAX_STORABLE_KEYS) storableKeys.clear()
    storableKeys.add(key)
  }

  #assertPlain(value: object): void {
    const prototype = Object.getPrototypeOf(value)
    if (prototype === null || Object.getPrototypeOf(prototype) === null) return
    const name = nameOf(value)
    const advice = ADVICE[name] ?? (ArrayBuffer.isView(value) ? 'an array of numbers' : 'a plain object')
    this.#refuse(`is ${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}: store ${advice}`)
  }

  #refuse(complaint: string): never {
    let path = this.#root
    for (const [i, key] of this.#keys.entries()) {
      if (i === MAX_KEYS_TOLD) {
        path += '…'
        break
      }
      if (typeof key === 'number') path += `[${key}]`
      else path += /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
    }
    throw new UnstorableValueError(path, complaint)
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  Date: 'a number or an ISO string',
  Map: 'an object or an array of pairs',
  Set: 'an array',
  WeakMap: 'a plain object',
  WeakSet: 'an array',
  RegExp: 'its source as a string',
  URL: 'a string',
  Error: 'its message',
  Promise: 'what it resolves to',
  Number: 'the number itself',
  String: 'the string itself',
  Boolean: 'the boolean itself',
}

function nameOf(value: object): string {
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'class instance'
}
