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
  const violations: Violation[] = []
  const snapshots: AnyMachineSnapshot[] = []
  const emitted: Delivery[] = []
  const dueTimes: number[] = []
  const timers = new Map<string, Armed>()
  const versions: Registered[] = []
  const first = journal[0]?.event.definitionVersion
  let current = registered.at(typeof first === 'number' ? first : FIRST_VERSION)
  const line = { instance, journal, snapshots, versions, emitted, dueTimes }
  const report = (rule: Violation['rule'], message: string) => violations.push({ rule, message, instance })

  for (const [i, entry] of journal.entries()) {
    if (entry.version !== i + 1) {
      const what = entry.version <= i ? 'doubled' : 'missing'
      const version = entry.version <= i ? entry.version : i + 1
      report('history', `version ${version} is ${what} in the journal`)
      break
    }
    const where = `version ${entry.version} (${entry.event.type})`
    const previous = journal[i - 1]
    if (previous !== undefined && entry.at < previous.at) {
      report('time', `${where} is stamped ${previous.at - entry.at} ms before the version before it`)
    }
    const { sendId } = entry.actor
    const timer = sendId === undefined ? undefined : timers.get(sendId)
    if (sendId !== undefined) {
      if (timer === undefined) {
        report('machine', `${where}: the timer "${sendId}" was not armed`)
        break
      }
      timers.delete(sendId)
      if (entry.at !== Math.max(timer.dueAt, previous?.at ?? 0)) {
        report('time', `${where} is stamped ${entry.at}, but its timer was due at ${timer.dueAt}`)
      }
    } else if (i > 0 && entry.event.type.startsWith('xstate.') && entry.event.type !== MIGRATE) {
      report('machine', `${where} was not caused by a timer`)
      break
    }
    let step: Step
    try {
      step = stepOf(current, snapshots[i - 1], entry)
      if (entry.event.type === MIGRATE) current = current.at(Number(entry.event.to))
    } catch (error) {
      report('machine', `${where} makes the machine fail: ${error instanceof Error ? error.message : error}`)
      break
    }
    if (step.kind === 'unchanged') {
      const state = JSON.stringify(snapshots[i - 1]?.value)
      report('machine', `${where} was applied, but the machine does not handle it in ${state}`)
      break
    }
    snapshots.push(step.snapshot)
    versions.push(current)
    const status = current.definition.status(step.snapshot)
    if (status !== entry.status) {
      report('machine', `${where} is journaled as "${entry.status}", but the machine is then "${status}"`)
    }
    let index = 0
    for (const effect of step.effects) {
      note(effect, entry)
      if (effect.kind !== 'emit') continue
      const { type, audience: _, ...payload } = effect.event
      emitted.push({ instance, version: entry.version, index: index++, type, payload })
    }
  }

  function note(effect: Effect, { at, version }: JournalEntry): void {
    if (effect.kind === 'disarm') timers.delete(effect.sendId)
    if (effect.kind !== 'arm') return
    const dueAt = at + effect.delayMs
    timers.set(effect.sendId, { generation: version, dueAt })
    dueTimes.push(dueAt)
  }

  dueTimes.sort((a, b) => a - b)
  return { line, violations }
}

function stepOf(current: Registered, before: AnyMachineSnapshot | undefined, entry: JournalEntry): Step {
  const { event, at, uid } = entry
  const { stepper } = current
  if (before === undefined) return stepper.begin(event.input, uid)
  if (event.type === MIGRATE) return upgrade(current, current.at(Number(event.to)), before, event)
  return stepper.step(before, { ...event, at, uid })
}
