import type { DeadLetter, DeadTimer } from '../../runtime/dead-letters.js'
import type { StoredTimer } from '../../runtime/ports.js'
import { deliveryName, type Tables, type TimerRow, timerName } from './tables.js'

/** Of all kinds, newest first. */
export function deadLettersOf(tables: Tables, before: number | undefined, limit: number): DeadLetter[] {
  const deliveries = [...tables.deadLetters.values()].map(({ event: _, ...letter }) => letter)
  const timers = [...tables.timers.values()].flatMap(row => toDeadTimer(row) ?? [])
  return [...deliveries, ...timers]
    .filter(letter => before === undefined || letter.id < before)
    .sort((a, b) => b.id - a.id)
    .slice(0, limit)
}

/** Makes a delivery due at `now`, and a timer at its own time. False if the letter is not there. */
export function redrive(tables: Tables, id: number, now: number): boolean {
  const letter = tables.deadLetters.get(id)
  if (letter === undefined) {
    return reviseDeadTimer(tables, id, ({ attempts: _, parked: __, ...timer }) => timer)
  }
  tables.deadLetters.delete(id)
  const { event, subscriber } = letter
  tables.outbox.set(deliveryName(letter), { event, subscriber, attempts: 0, dueAt: now })
  return true
}

/** Removes a delivery, and leaves a timer parked. False if the letter is not there. */
export function drop(tables: Tables, id: number): boolean {
  if (tables.deadLetters.delete(id)) return true
  return reviseDeadTimer(tables, id, ({ attempts: _, ...timer }) => ({ ...timer, parked: 'dropped' }))
}

function reviseDeadTimer(tables: Tables, id: number, revise: (timer: StoredTimer) => StoredTimer): boolean {
  const row = [...tables.timers.values()].find(({ dead }) => dead?.id === id)
  if (row === undefined) return false
  const { instance, sendId } = row.timer
  tables.timers.set(timerName(instance, sendId), { timer: revise(row.timer), leasedUntil: 0 })
  return true
}

function toDeadTimer({ timer, dead }: TimerRow): DeadTimer | undefined {
  if (dead === undefined) return undefined
  const { instance, machine, sendId, generation, event, dueAt, attempts = 0 } = timer
  return { kind: 'timer', ...dead, instance, machine, sendId, generation, type: event.type, attempts, dueAt }
}
