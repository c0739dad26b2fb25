/*
 * The engine as other packages see it: outcomes are plain values with the snapshot in them, and an idempotency key is a
 * word. It adds nothing to the engine's own path but this translation.
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
  /** `replayed`: it was applied before, with this key; the snapshot is that of then. */
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
  /** What is sent again with the same key is done once, for as long as the store keeps keys. */
  readonly key?: string
}

export interface Engine {
  /** Throws `InvalidEventError` when the definition's schema refuses the input. */
  create(machine: string, input: unknown, options: AskOptions): Promise<CreateResult>
  /**
   * Throws `InvalidEventError` for what the schema refuses, `UnknownInstanceError` when there is no such instance,
   * `OverloadedError` when queues are full or the database is away. `ifVersion`: otherwise refused, `STALE_VERSION`.
   */
  send(id: string, event: Command, options: AskOptions & { readonly ifVersion?: number }): Promise<SendResult>
  get(id: string): Promise<Instance | undefined>
  history(id: string, options?: { after?: number; limit?: number }): Promise<readonly JournalEntry[]>
  /**
   * Timers and deliveries that failed too often and are no longer tried, newest first; with `before`, those with a lower id.
   */
  deadLetters: CoreEngine['deadLetters']
  /** Has a dead letter tried again, from the first attempt on. False when it is not there (any more). */
  redrive: CoreEngine['redrive']
  /** Removes a dead letter for good. False when it is not there (any more). */
  drop: CoreEngine['drop']
  /** Begins firing timers and delivering what dead processes left; commands are taken without it too. */
  start: CoreEngine['start']
  /** Refuses new work and finishes what is under way. The store stays open: it is the caller's. */
  close: CoreEngine['close']
}

/** The reason of a refusal when a key comes again with something else. */
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

/** A key is its user's, for one instance: another's, or for another, has nothing to do with it. */
function keyOf(key: string, actor: Actor, about: string, content: unknown): IdempotencyKey {
  checkActor(actor)
  checkIdempotencyKey(key)
  const fingerprint = createHash('sha256').update(comparable(content)).digest('hex')
  return { scope: `${actor.id} ${about}`, key, fingerprint }
}

/** What is no JSON, or contains itself, cannot be compared with what came with the key before. */
function comparable(content: unknown): string {
  try {
    return canonicalJson(content)
  } catch (error) {
    const cause = error instanceof RangeError ? 'it is nested too deeply, or contains itself' : String(error)
    const message = `expected JSON: ${cause}`
    throw new InvalidEventError(`What is sent with a key is not valid: ${message}`, [{ path: '', message }])
  }
}

/** The same for the same content, in whatever order its members come. */
function canonicalJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n` // the schema may make something else of it
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  }) as string | undefined
  return text ?? String(value)
}
