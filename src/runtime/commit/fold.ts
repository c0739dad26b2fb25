/*
 * Folds the transitions of one instance, made one after the other in memory, into the one write of a commit: a
 * statement can update a row, set a timer and take a claim only once. The base is the last committed snapshot. Nothing
 * here is valid before the commit succeeds.
 */

import type { StampedEvent } from '../definition.js'
import { checkEffects, checkTakenKeys } from '../definitions/checks/moved.js'
import type { Registered } from '../definitions/registry.js'
import type { Emitted, Step } from '../definitions/step.js'
import { upgrade } from '../definitions/upgrade.js'
import { DefinitionError } from '../errors.js'
import type { InstanceWrite, StoredTimer } from '../ports.js'
import { firesBefore, type Ordered } from '../timers/timer-order.js'
import type {
  Actor,
  EmittedEvent,
  IdempotencyKey,
  Instance,
  JournalEntry,
  OwnerLimit,
  Precondition,
  Subscriber,
  UsedKey,
} from '../types.js'
import { addedKeys } from './added-keys.js'
import { changedRows } from './changed-rows.js'
import { nameOfKey } from './mailbox.js'

type Moved = Extract<Step, { kind: 'moved' }>
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

export interface FoldedEvent extends EmittedEvent {
  readonly subscribers: readonly string[]
}

export class Fold {
  /** The instance after the transitions folded so far; `undefined` before a new one's first. */
  current: Instance | undefined
  readonly events: FoldedEvent[] = []
  readonly timersSet = new Map<string, StoredTimer>()
  /** Idempotency keys used up so far, by name. */
  readonly keys = new Map<string, UsedKey>()
  /** The length of the snapshot's JSON, known once `toWrite` was called. */
  snapshotBytes = 0

  readonly #id: string
  readonly #base: Instance | undefined
  #registered: Registered
  /** The version before the fold brought the instance to another version of its definition; nothing was applied since. */
  versionBeforeUpgrade: number | undefined
  #isUpgraded = false
  readonly #subscribers: readonly Subscriber[]
  readonly #journal: JournalEntry[] = []
  readonly #timersRemoved = new Set<string>()
  readonly #gates: { sendId: string; generation: number }[] = []
  readonly #baseClaims: readonly string[]
  #claims: readonly string[]
  readonly #claimsNeeded = new Set<string>()
  readonly #preconditions: Precondition[] = []
  #limits: readonly OwnerLimit[] = []

  constructor(
    id: string,
    base: Instance | undefined,
    registered: Registered,
    subscribers: readonly Subscriber[],
  ) {
    this.#id = id
    this.#base = base
    this.current = base
    this.#registered = registered
    this.#subscribers = subscribers
    this.#baseClaims = base === undefined ? [] : registered.claims(base.snapshot)
    this.#claims = this.#baseClaims
  }

  get journalLength(): number {
    return this.#journal.length
  }

  /** The keys that `step` would take in addition to those folded so far. */
  claimsTakenBy(step: Moved): string[] {
    const claims = this.#registered.claims(step.snapshot)
    const taken = addedKeys(this.#claims, claims)
    checkTakenKeys(this.#registered.definition, taken, claims)
    return taken
  }

  /** Whether a timer that fired is still the one that was armed, as far as this fold knows. */
  hasTimer(sendId: string): boolean {
    return !this.#isFinished && !this.#timersRemoved.has(sendId) && !this.timersSet.has(sendId)
  }

  /** The first to fire of the timers that were armed here, without those `except`, if it fires before `next`. */
  armedBefore(next: Ordered, except: ReadonlySet<string>): StoredTimer | undefined {
    let first: StoredTimer | undefined
    for (const timer of this.timersSet.values()) {
      if (timer.parked !== undefined || except.has(timer.sendId)) continue
      if (firesBefore(timer, first ?? next)) first = timer
    }
    return first
  }

  /** A timer fired and its machine ignored it. `isStored`: it was armed by an earlier commit. */
  spend(timer: StoredTimer, { isStored }: { readonly isStored: boolean }): void {
    const { sendId, generation } = timer
    this.timersSet.set(sendId, { ...timer, parked: 'spent' })
    if (isStored) this.#gates.push({ sendId, generation })
  }

  /** A timer that was armed here has fired, so it is not stored. */
  #ring({ sendId }: { readonly sendId: string }): void {
    this.timersSet.delete(sendId)
    this.#timersRemoved.add(sendId)
  }

  /**
   * Adds a transition. `gate`: the stored timer whose firing it is; `rung`: one that was armed here. `key`: what it was sent with. `taken`: what `claimsTakenBy`
   * has said of it.
   */
  push(
    step: Moved,
    event:
      | StampedEvent
      | { type: 'xstate.init'; at: number; uid: string; input: object; definitionVersion?: number },
    actor: Actor,
    {
      gate,
      rung = gate,
      key,
      taken = this.claimsTakenBy(step),
      preconditions = [],
      limits = [],
    }: {
      gate?: { sendId: string; generation: number } | undefined
      rung?: { sendId: string } | undefined
      key?: IdempotencyKey | undefined
      taken?: readonly string[]
      preconditions?: readonly Precondition[]
      limits?: readonly OwnerLimit[]
    } = {},
  ): Instance {
    const { definition } = this.#registered
    // Calls that may throw come first, so that a failure leaves the fold unchanged.
    const status = this.#registered.status(step.snapshot)
    const owner = this.#registered.owner(step.snapshot)
    const claims = this.#registered.claims(step.snapshot)
    checkEffects(definition, step.effects)
    const version = (this.current?.version ?? 0) + 1
    this.versionBeforeUpgrade = undefined
    this.current = {
      id: this.#id,
      machine: definition.name,
      definitionVersion: definition.version,
      version,
      status,
      owner,
      snapshot: step.snapshot,
      createdAt: this.current?.createdAt ?? event.at,
      updatedAt: event.at,
    }
    this.#journal.push({ version, uid: event.uid, event, status, actor, at: event.at })
    if (key !== undefined) {
      this.keys.set(nameOfKey(key), { ...key, instance: this.#id, version, uid: event.uid })
    }
    if (gate !== undefined) this.#gates.push(gate)
    if (rung !== undefined) this.#ring(rung)
    for (const key of taken) this.#claimsNeeded.add(key)
    this.#preconditions.push(...preconditions)
    if (version === 1) this.#limits = limits
    this.#claims = claims
    this.#apply(step, version, event.at, actor.trace)
    if (this.#isFinished) this.timersSet.clear()
    return this.current
  }

  /** Brings the instance to another version of its definition, as a transition of its own. */
  upgrade(to: Registered, event: StampedEvent, actor: Actor): void {
    const { current } = this
    if (current === undefined) throw new Error('There is nothing yet that could be migrated')
    const step = upgrade(this.#registered, to, current.snapshot, event)
    this.#registered = to
    const taken = this.claimsTakenBy(step)
    if (taken.length > 0) {
      throw new DefinitionError(
        `A migration of "${current.machine}" may not take claims (${taken.join(', ')})`,
      )
    }
    this.#isUpgraded = true
    this.push(step, event, actor, { taken })
    this.versionBeforeUpgrade = current.version
  }

  /** As of the last transition, its machine takes no more events. */
  get #isFinished(): boolean {
    return this.current !== undefined && this.current.snapshot.status !== 'active'
  }

  get registered(): Registered {
    return this.#registered
  }

  #apply(step: Moved, version: number, at: number, trace: string | undefined): void {
    let index = 0
    let ordinal = 0
    for (const effect of step.effects) {
      switch (effect.kind) {
        case 'arm': {
          this.#timersRemoved.delete(effect.sendId)
          this.timersSet.set(effect.sendId, {
            instance: this.#id,
            machine: this.#registered.definition.name,
            sendId: effect.sendId,
            generation: version,
            event: effect.event,
            dueAt: at + effect.delayMs,
            ordinal: ordinal++,
          })
          break
        }
        case 'disarm':
          this.timersSet.delete(effect.sendId)
          this.#timersRemoved.add(effect.sendId)
          break
        case 'emit':
          this.events.push(this.#toEvent(effect.event, version, index++, at, trace))
      }
    }
  }

  #toEvent(
    emitted: Emitted,
    version: number,
    index: number,
    at: number,
    trace: string | undefined,
  ): FoldedEvent {
    const { type, audience = [], ...payload } = emitted
    const machine = this.#registered.definition.name
    const subscribers = this.#subscribers.filter(s => s.wants(machine, type)).map(s => s.name)
    const event = { instance: this.#id, machine, version, index, type, payload, audience, at, subscribers }
    return trace === undefined ? event : { trace, ...event }
  }

  /** Returns the write, or `undefined` if nothing changed. */
  toWrite(): InstanceWrite | undefined {
    const { definition, stepper } = this.#registered
    const current = this.current
    if (current === undefined || this.#journal.length === 0) return undefined
    const { snapshot } = current
    const json = stepper.persist(snapshot)
    this.snapshotBytes = json.length
    const write: Mutable<InstanceWrite> = {
      // Field by field: an object that begins with a spread and gets more fields has its own shape for each write.
      row: {
        id: current.id,
        machine: current.machine,
        definitionVersion: current.definitionVersion,
        version: current.version,
        status: current.status,
        owner: current.owner,
        snapshot: json,
        createdAt: current.createdAt,
        updatedAt: current.updatedAt,
      },
      expectedVersion: this.#base?.version ?? 0,
      expectedUpdatedAt: this.#base?.updatedAt ?? 0,
      journal: this.#journal,
      events: this.events,
      timersSet: [...this.timersSet.values()],
      timersRemoved: [...this.#timersRemoved],
      isFinished: this.#isFinished,
      gates: this.#gates,
      preconditions: this.#preconditions,
      keys: [...this.keys.values()],
      limits: [...this.#limits],
      claimsNeeded: [...this.#claimsNeeded].sort(),
      claimsTaken: addedKeys(this.#baseClaims, this.#claims).sort(),
      claimsFreed: addedKeys(this.#claims, this.#baseClaims).sort(),
      // This version's projections cannot read a snapshot of another version.
      projections: changedRows(definition, this.#isUpgraded ? undefined : this.#base?.snapshot, snapshot),
    }
    return write
  }
}
