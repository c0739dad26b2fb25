/*
 * The engine as other packages see it. Outcomes are plain values that contain the snapshot, and an idempotency key is a
 * string. This translation is all that it adds to the engine.
 */
import { createHash } from 'node:crypto'
import type { AnyMachineSnapshot } from 'xstate'
import type { Command, Engine as CoreEngine } from './api.js'
import { checkActor, checkIdempotencyKey } from './definitions/checks/caller.js'
import { createEngine as createCoreEngine, type EngineOptions } from './engine.js'
import { InvalidEventError } from './errors.js'
import type {
  Actor,
  CreateOutcome,
  IdempotencyKey,
  Instance,
  JournalEntry,
  Outcome,
  Replayed,
} from './types.js'

export type SendResult =
  /** `replayed`: it was applied before with this key. The snapshot is the one after that. */
  | {
      readonly kind: 'applied'
      readonly version: number
      readonly snapshot: AnyMachineSnapshot
      readonly replayed?: true
    }
  | { readonly kind: 'unchanged'; readonly version: number; readonly snapshot: AnyMachineSnapshot }
  | { readonly kind: 'refused'; readonly reason: string; readonly version: number }

export type CreateResult =
  | {
      readonly kind: 'created'
      readonly id: string
      readonly version: 1
      readonly snapshot: AnyMachineSnapshot
      readonly replayed?: true
    }
  /** `holder`: the instance that holds a claim which the new one needs. */
  | { readonly kind: 'refused'; readonly reason: string; readonly holder?: string }

export interface AskOptions {
  readonly actor: Actor
  /** Commands with the same key are done once, as long as the store keeps keys. */
  readonly key?: string
}

export interface Engine {
  /** Throws `InvalidEventError` if the definition's schema refuses the input. */
  create(machine: string, input: unknown, options: AskOptions): Promise<CreateResult>
  /**
   * Throws `InvalidEventError` if the schema refuses the event, `UnknownInstanceError` if there is no such instance,
   * and `OverloadedError` if queues are full or the database is unavailable. With another version than `ifVersion` it
   * is refused as `STALE_VERSION`.
   */
  send(id: string, event: Command, options: AskOptions & { readonly ifVersion?: number }): Promise<SendResult>
  get(id: string): Promise<Instance | undefined>
  history(id: string, options?: { after?: number; limit?: number }): Promise<readonly JournalEntry[]>
  /**
   * Timers and deliveries that failed too often and are no longer tried, newest first; with `before`, those with a lower id.
   */
  deadLetters: CoreEngine['deadLetters']
  /** Retries a dead letter from the first attempt on. Returns false if there is no such dead letter. */
  redrive: CoreEngine['redrive']
  /** Deletes a dead letter. Returns false if there is no such dead letter. */
  drop: CoreEngine['drop']
  /** Starts to fire timers and to deliver what dead processes left. Commands are accepted without it too. */
  start: CoreEngine['start']
  /** Accepts no new work and finishes what is in progress. The store stays open, because it belongs to the caller. */
  close: CoreEngine['close']
}

/** The reason of a refusal if a key is used again with other content. */
const KEY_REUSED = 'IDEMPOTENCY_KEY_REUSED'

/** Throws `DefinitionError` with all faults of the definitions. */
export function createEngine(options: EngineOptions): Engine {
  const engine = createCoreEngine(options)

  async function replayedSend({ used }: Replayed, key: IdempotencyKey): Promise<SendResult> {
    const { version } = used
    if (used.fingerprint !== key.fingerprint) return { kind: 'refused', reason: KEY_REUSED, version }
    const then = await engine.at(used.instance, version)
    if (then === undefined) throw new Error(`The history of ${used.instance} has no version ${version}`)
    return { kind: 'applied', version, snapshot: then.snapshot, replayed: true }
  }

  return {
    async create(machine, input, { actor, key }) {
      if (key === undefined) return createdResult(await engine.create(machine, input, { actor }))
      const full = keyOf(key, actor, machine, input)
      const outcome = await engine.create(machine, input, { actor, key: full })
      if (outcome.kind !== 'replayed') return createdResult(outcome)
      const result = await replayedSend(outcome, full)
      if (result.kind === 'refused') return { kind: 'refused', reason: result.reason }
      return {
        kind: 'created',
        id: outcome.used.instance,
        version: 1,
        snapshot: result.snapshot,
        replayed: true,
      }
    },
    async send(id, event, { actor, key, ifVersion }) {
      const guard = ifVersion === undefined ? {} : { ifVersion }
      if (key === undefined) return sendResult(await engine.send(id, event, { actor, ...guard }))
      const full = keyOf(key, actor, id, event)
      const outcome = await engine.send(id, event, { actor, ...guard, key: full })
      return outcome.kind === 'replayed' ? replayedSend(outcome, full) : sendResult(outcome)
    },
    get: id => engine.get(id),
    history: (id, page) => engine.history(id, page),
    deadLetters: page => engine.deadLetters(page),
    redrive: id => engine.redrive(id),
    drop: id => engine.drop(id),
    start: given => engine.start(given),
    close: given => engine.close(given),
  }
}

function sendResult(outcome: Outcome): SendResult {
  const { kind, version } = outcome
  if (kind === 'refused') return { kind, reason: outcome.reason, version }
  return { kind, version, snapshot: outcome.instance.snapshot }
}

function createdResult(outcome: CreateOutcome): CreateResult {
  if (outcome.kind === 'refused') {
    return { kind: 'refused', reason: outcome.reason, holder: outcome.holder }
  }
  const { id, snapshot } = outcome.instance
  return { kind: 'created', id, version: 1, snapshot }
}

/** A key belongs to one user and one instance. The same key of another user, or for another instance, is unrelated. */
function keyOf(key: string, actor: Actor, about: string, content: unknown): IdempotencyKey {
  checkActor(actor)
  checkIdempotencyKey(key)
  const fingerprint = createHash('sha256').update(comparable(content)).digest('hex')
  return { scope: `${actor.id} ${about}`, key, fingerprint }
}

/** Content that is no JSON, or contains itself, cannot be compared with the key's earlier content. */
function comparable(content: unknown): string {
  try {
    return canonicalJson(content)
  } catch (error) {
    const cause = error instanceof RangeError ? 'it is nested too deeply, or contains itself' : String(error)
    const message = `expected JSON: ${cause}`
    throw new InvalidEventError(`What is sent with a key is not valid: ${message}`, [{ path: '', message }])
  }
}

/** The same text for the same content, in any order of members. */
function canonicalJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n` // the schema may make something else of it
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  }) as string | undefined
  return text ?? String(value)
}
