import type { StampedEvent } from './definition.js'
import { Fold } from './fold.js'
import type { Registered } from './registry.js'
import type { JournalEntry } from './types.js'

/** Replays a journal. Throws where an event that was applied would not be now. */
export function replay(registered: Registered, id: string, journal: readonly JournalEntry[]): Fold {
  const fold = new Fold(id, undefined, registered, [])
  for (const { version, event, actor, uid, at } of journal) {
    const before = fold.current
    if (before === undefined) {
      const input = event.input as object
      fold.push(registered.stepper.begin(input, uid), { type: 'xstate.init', at, uid, input }, actor)
      continue
    }
    const stamped: StampedEvent = { ...event, at, uid }
    const step = registered.stepper.step(before.snapshot, stamped)
    if (step.kind === 'unchanged') throw new Error(`version ${version}: "${event.type}" would not be applied`)
    const timer = actor.sendId === undefined ? undefined : fold.timersSet.get(actor.sendId)
    if (actor.sendId !== undefined && timer === undefined) {
      throw new Error(`version ${version}: the timer "${actor.sendId}" was not armed`)
    }
    fold.push(step, stamped, actor, { gate: timer })
  }
  return fold
}
