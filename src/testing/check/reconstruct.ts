/*
 * Finds a journal that explains the answers of an instance without a known one. Operations that were answered "applied"
 * are placed at their versions. The versions between them are filled with operations of unknown outcome and with timers
 * that the machine armed. It is a search with backtracking after Wing and Gong, with Lowe's memory of visited places. If
 * the versions have no gaps, it never backtracks.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { Registered } from '../../runtime/definitions/registry.js'
import type { Effect, Step } from '../../runtime/definitions/step.js'
import type { JournalEntry } from '../../runtime/types.js'
import { defined } from '../../types/defined.js'
import type { History, Operation } from '../history.js'
import type { Violation } from './violation.js'

export interface Reconstructed {
  readonly journal: readonly JournalEntry[] | undefined
  readonly violations: readonly Violation[]
}

interface Timer {
  readonly sendId: string
  readonly event: JournalEntry['event']
  readonly dueAt: number
}

interface Place {
  readonly journal: readonly JournalEntry[]
  readonly snapshot: AnyMachineSnapshot | undefined
  readonly timers: readonly Timer[]
  readonly used: ReadonlySet<Operation>
}

/** Beyond this, a history without versions is too tangled to be judged. That is reported as a violation. */
const MAX_STEPS = 200_000

export function reconstruct(
  history: History,
  registered: Registered,
  instance: string,
  operations: readonly Operation[],
): Reconstructed {
  const failed = (violation: Omit<Violation, 'instance'>) => ({
    journal: undefined,
    violations: [{ ...violation, instance }],
  })
  const applied = new Map<number, Operation>()
  let last = 0
  for (const operation of operations) {
    const { outcome } = operation
    if (outcome.kind === 'applied') {
      const other = applied.get(outcome.version)
      if (other !== undefined) {
        const message = `version ${outcome.version} was answered to two callers`
        return failed({ rule: 'order', message, operations: [other.id, operation.id] })
      }
      applied.set(outcome.version, operation)
    }
    if ('version' in outcome && outcome.version !== undefined) last = Math.max(last, outcome.version)
  }
  const unknown = operations.filter(({ outcome }) => outcome.kind === 'unknown')
  const found = new Search(history, registered, applied, unknown).find(last)
  return Array.isArray(found) ? { journal: found, violations: [] } : failed(found)
}

class Search {
  readonly #history: History
  readonly #registered: Registered
  /** By version. */
  readonly #applied: ReadonlyMap<number, Operation>
  readonly #unknown: readonly Operation[]

  constructor(
    history: History,
    registered: Registered,
    applied: ReadonlyMap<number, Operation>,
    unknown: readonly Operation[],
  ) {
    this.#history = history
    this.#registered = registered
    this.#applied = applied
    this.#unknown = unknown
  }

  /** A journal with versions up to `last`, or why there is none. */
  find(last: number): JournalEntry[] | Omit<Violation, 'instance'> {
    let furthest: Place = { journal: [], snapshot: undefined, timers: [], used: new Set() }
    const stack = [furthest]
    const seen = new Set<string>()
    let steps = 0
    for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
      if (place.journal.length > furthest.journal.length) furthest = place
      if (place.journal.length >= last) return [...place.journal]
      if (++steps > MAX_STEPS)
        return { rule: 'history', message: `no explanation was found in ${MAX_STEPS} steps` }
      for (const next of this.#nextPlaces(place).reverse()) {
        const name = this.#nameOf(next)
        if (seen.has(name)) continue
        seen.add(name)
        stack.push(next)
      }
    }
    return this.#stuckAt(furthest)
  }

  #stuckAt({ journal }: Place): Omit<Violation, 'instance'> {
    const version = journal.length + 1
    const stuck = this.#applied.get(version)
    if (stuck === undefined) {
      const message = `version ${version} is missing: no answer, no timer and no call without an answer explains it`
      return { rule: 'history', message }
    }
    const message = `version ${version} (${stuck.event.type}) was applied, but the machine does not handle it there`
    return { rule: 'machine', message }
  }

  #nameOf({ journal, snapshot, used }: Place): string {
    const state = snapshot === undefined ? '' : this.#registered.stepper.persist(snapshot)
    return `${journal.length} ${[...used].map(({ id }) => id).sort()} ${state}`
  }

  #nextPlaces(place: Place): Place[] {
    const version = place.journal.length + 1
    const known = this.#applied.get(version)
    if (known !== undefined) return this.#byOperation(place, known)
    if (version === 1) {
      // Another caller created it, or the answer was lost.
      return this.#unknown
        .filter(({ kind }) => kind === 'create')
        .flatMap(one => this.#byOperation(place, one))
    }
    return [
      ...place.timers.flatMap(timer => this.#byTimer(place, timer)),
      ...this.#unknown
        .filter(one => !place.used.has(one) && one.kind === 'send')
        .flatMap(one => this.#byOperation(place, one)),
    ]
  }

  /** Tries the stamps that an event may have had, because guards may look at the time. */
  #byOperation(place: Place, operation: Operation): Place[] {
    const { definition, stepper } = this.#registered
    const previous = place.journal.at(-1)?.at ?? 0
    const { startedAt } = this.#history
    const { calledAt, returnedAt, event, outcome } = operation
    const called = Math.max(previous, Math.ceil(startedAt + calledAt))
    const returned = Math.max(previous, Math.floor(startedAt + (returnedAt ?? calledAt)))
    const uid = (outcome.kind === 'applied' ? outcome.uid : undefined) ?? uidOf(operation)
    const used = outcome.kind === 'unknown' ? new Set([...place.used, operation]) : place.used
    return [...new Set([called, returned])].flatMap(at => {
      if (operation.kind === 'create') {
        const { type: _, ...given } = event
        const parsed = definition.input.safeParse(given)
        if (!parsed.success) return []
        const input = { ...(parsed.data as object), at, uid }
        const init = { type: 'xstate.init', at, uid, input }
        return this.#extend({ ...place, used }, stepper.begin(input, uid), init, at, uid, operation.actor)
      }
      if (place.snapshot === undefined) return []
      const step = stepper.step(place.snapshot, { ...event, at, uid })
      return this.#extend({ ...place, used }, step, { ...event, at, uid }, at, uid, operation.actor)
    })
  }

  #byTimer(place: Place, timer: Timer): Place[] {
    if (place.snapshot === undefined) return []
    const at = Math.max(timer.dueAt, place.journal.at(-1)?.at ?? 0)
    const uid = `timer ${place.journal.length + 1}`
    const event = { ...timer.event, at, uid }
    const timers = place.timers.filter(one => one !== timer)
    const step = this.#registered.stepper.step(place.snapshot, event)
    return this.#extend({ ...place, timers }, step, event, at, uid, 'timer', timer.sendId)
  }

  #extend(
    place: Place,
    step: Step,
    event: JournalEntry['event'],
    at: number,
    uid: string,
    actor = 'unknown',
    sendId?: string,
  ): Place[] {
    if (step.kind === 'unchanged') return []
    const entry: JournalEntry = {
      version: place.journal.length + 1,
      uid,
      event,
      status: this.#registered.definition.status(step.snapshot),
      actor: { id: actor, role: 'caller', ...defined({ sendId }) },
      at,
    }
    const timers = step.effects.reduce((armed, effect) => withEffect(armed, effect, at), place.timers)
    return [{ ...place, journal: [...place.journal, entry], snapshot: step.snapshot, timers }]
  }
}

function withEffect(timers: readonly Timer[], effect: Effect, at: number): readonly Timer[] {
  if (effect.kind === 'emit') return timers
  const others = timers.filter(({ sendId }) => sendId !== effect.sendId)
  if (effect.kind === 'disarm') return others
  return [...others, { sendId: effect.sendId, event: effect.event, dueAt: at + effect.delayMs }]
}

/** If the answer did not contain a uid: one that no other operation has. */
const uidOf = ({ id }: Operation) => `00000000-0000-7000-8000-${id.toString(16).padStart(12, '0')}`
