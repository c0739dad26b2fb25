/*
 * The transitions of an instance, replayed through the machine alone. The journal gives their order, and the machine
 * says what each event does. The result is what must have been true at each version.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { Registered } from '../../runtime/definitions/registry.js'
import type { Effect, Step } from '../../runtime/definitions/step.js'
import { MIGRATE, upgrade } from '../../runtime/definitions/upgrade.js'
import { FIRST_VERSION } from '../../runtime/replay.js'
import type { JournalEntry } from '../../runtime/types.js'
import type { Delivery } from '../history.js'
import type { Violation } from './violation.js'

export interface Line {
  readonly instance: string
  readonly journal: readonly JournalEntry[]
  /** At index v − 1 the snapshot of version v. Shorter than the journal if the machine does not follow it. */
  readonly snapshots: readonly AnyMachineSnapshot[]
  /** At index v − 1 the version of the definition that this snapshot belongs to. */
  readonly versions: readonly Registered[]
  readonly emitted: readonly Delivery[]
  /** The due times of all timers that were ever armed, ascending. Decisions change at these instants. */
  readonly dueTimes: readonly number[]
}

export interface Replayed {
  readonly line: Line
  readonly violations: readonly Violation[]
}

interface Armed {
  readonly generation: number
  readonly dueAt: number
}

/** Replays a journal. Stops at the first entry that the machine would not have produced. */
export function replayLine(
  registered: Registered,
  instance: string,
  journal: readonly JournalEntry[],
): Replayed {
  const replay = new Replay(registered, instance, journal)
  for (const entry of journal) if (!replay.follow(entry)) break
  return replay.result()
}

class Replay {
  readonly #instance: string
  readonly #journal: readonly JournalEntry[]
  readonly #violations: Violation[] = []
  readonly #snapshots: AnyMachineSnapshot[] = []
  readonly #versions: Registered[] = []
  readonly #emitted: Delivery[] = []
  readonly #dueTimes: number[] = []
  readonly #timers = new Map<string, Armed>()
  #current: Registered
  #previous: JournalEntry | undefined

  constructor(registered: Registered, instance: string, journal: readonly JournalEntry[]) {
    this.#instance = instance
    this.#journal = journal
    const first = journal[0]?.event.definitionVersion
    this.#current = registered.at(typeof first === 'number' ? first : FIRST_VERSION)
  }

  /** Adds the next entry. False if the machine would not have produced it. */
  follow(entry: JournalEntry): boolean {
    if (!this.#isNext(entry)) return false
    const where = `version ${entry.version} (${entry.event.type})`
    const previous = this.#previous
    if (previous !== undefined && entry.at < previous.at) {
      this.#report('time', `${where} is stamped ${previous.at - entry.at} ms before the version before it`)
    }
    if (!this.#isCaused(entry, where)) return false
    const step = this.#step(entry, where)
    if (step === undefined) return false
    this.#snapshots.push(step.snapshot)
    this.#versions.push(this.#current)
    const status = this.#current.definition.status(step.snapshot)
    if (status !== entry.status) {
      this.#report(
        'machine',
        `${where} is journaled as "${entry.status}", but the machine is then "${status}"`,
      )
    }
    this.#note(step.effects, entry)
    this.#previous = entry
    return true
  }

  result(): Replayed {
    const line = {
      instance: this.#instance,
      journal: this.#journal,
      snapshots: this.#snapshots,
      versions: this.#versions,
      emitted: this.#emitted,
      dueTimes: this.#dueTimes.sort((a, b) => a - b),
    }
    return { line, violations: this.#violations }
  }

  #report(rule: Violation['rule'], message: string): void {
    this.#violations.push({ rule, message, instance: this.#instance })
  }

  #isNext({ version }: JournalEntry): boolean {
    const expected = this.#snapshots.length + 1
    if (version === expected) return true
    const what = version < expected ? `version ${version} is doubled` : `version ${expected} is missing`
    this.#report('history', `${what} in the journal`)
    return false
  }

  /** Whether a caller or an armed timer can have caused the entry. Its timer has fired then. */
  #isCaused(entry: JournalEntry, where: string): boolean {
    const { sendId } = entry.actor
    if (sendId === undefined) {
      const { type } = entry.event
      if (this.#previous === undefined || !type.startsWith('xstate.') || type === MIGRATE) return true
      this.#report('machine', `${where} was not caused by a timer`)
      return false
    }
    const timer = this.#timers.get(sendId)
    if (timer === undefined) {
      this.#report('machine', `${where}: the timer "${sendId}" was not armed`)
      return false
    }
    this.#timers.delete(sendId)
    if (entry.at !== Math.max(timer.dueAt, this.#previous?.at ?? 0)) {
      this.#report('time', `${where} is stamped ${entry.at}, but its timer was due at ${timer.dueAt}`)
    }
    return true
  }

  #step(entry: JournalEntry, where: string): Extract<Step, { kind: 'moved' }> | undefined {
    const before = this.#snapshots.at(-1)
    let step: Step
    try {
      step = stepOf(this.#current, before, entry)
      if (entry.event.type === MIGRATE) this.#current = this.#current.at(Number(entry.event.to))
    } catch (error) {
      const cause = error instanceof Error ? error.message : error
      this.#report('machine', `${where} makes the machine fail: ${cause}`)
      return undefined
    }
    if (step.kind === 'moved') return step
    const state = JSON.stringify(before?.value)
    this.#report('machine', `${where} was applied, but the machine does not handle it in ${state}`)
    return undefined
  }

  #note(effects: readonly Effect[], { at, version }: JournalEntry): void {
    let index = 0
    for (const effect of effects) {
      if (effect.kind === 'disarm') this.#timers.delete(effect.sendId)
      else if (effect.kind === 'arm') {
        const dueAt = at + effect.delayMs
        this.#timers.set(effect.sendId, { generation: version, dueAt })
        this.#dueTimes.push(dueAt)
      } else {
        const { type, audience: _, ...payload } = effect.event
        this.#emitted.push({ instance: this.#instance, version, index: index++, type, payload })
      }
    }
  }
}

function stepOf(current: Registered, before: AnyMachineSnapshot | undefined, entry: JournalEntry): Step {
  const { event, at, uid } = entry
  const { stepper } = current
  if (before === undefined) return stepper.begin(event.input, uid)
  if (event.type === MIGRATE) return upgrade(current, current.at(Number(event.to)), before, event)
  return stepper.step(before, { ...event, at, uid })
}
