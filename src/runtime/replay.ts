import { Fold } from './commit/fold.js'
import { stamp } from './commit/stamp.js'
import type { StampedEvent } from './definition.js'
import type { Registered } from './definitions/registry.js'
import { MIGRATE } from './definitions/upgrade.js'
import type { JournalEntry } from './types.js'

export const FIRST_VERSION = 1

/** Replays a journal. Throws if an event that was applied would not be applied now. */
export function replay(registered: Registered, id: string, journal: readonly JournalEntry[]): Fold {
  const first = journal[0]?.event.definitionVersion
  // Entries from before there were versions are of the first version.
  const fold = new Fold(id, undefined, registered.at(typeof first === 'number' ? first : FIRST_VERSION), [])
  for (const { version, event, actor, uid, at } of journal) {
    const before = fold.current
    if (before === undefined) {
      const input = event.input as object
      fold.push(fold.registered.stepper.begin(input, uid), { type: 'xstate.init', at, uid, input }, actor)
      continue
    }
    const again: StampedEvent = stamp(event, at, uid)
    if (event.type === MIGRATE) {
      fold.upgrade(fold.registered.at(Number(event.to)), again, actor)
      continue
    }
    const step = fold.registered.stepper.step(before.snapshot, again)
    if (step.kind === 'unchanged') throw new Error(`version ${version}: "${event.type}" would not be applied`)
    const timer = actor.sendId === undefined ? undefined : fold.timersSet.get(actor.sendId)
    if (actor.sendId !== undefined && timer === undefined) {
      throw new Error(`version ${version}: the timer "${actor.sendId}" was not armed`)
    }
    fold.push(step, again, actor, { gate: timer })
  }
  return fold
}
