/*
 * The answer to an earlier use of an idempotency key, rebuilt from the journal. It is needed if a process died after
 * the commit and before it stored the answer: the transition is committed, so its caller must be able to learn of it.
 */

import type { UserCommandType } from '../../machines/index.js'
import type { UsedKey } from '../../runtime/types.js'
import { readerOf } from '../access.js'
import { instanceEventAnswer } from '../admin/instances.js'
import type { Replay } from '../answers.js'
import type { Caller } from '../person.js'
import { acceptAnswer } from './accept.js'
import { asBroadcast } from './broadcast.js'
import { cancelAnswer } from './cancel.js'
import { answerCreated, type CreateParts } from './create.js'
import { tripAnswer } from './trips.js'

/** Events that come from commands, which may have a key. `xstate.init` is the create. */
type KeyedEventType = 'xstate.init' | UserCommandType

/**
 * Returns `undefined` if the journal is gone. `used` is the caller's own, because the scope of a key contains the
 * person.
 */
export async function replay(
  parts: CreateParts,
  caller: Caller,
  { instance: id, version }: UsedKey,
): Promise<Replay | undefined> {
  const { engine, reads } = parts
  const [instance, [entry], record] = await Promise.all([
    engine.at(id, version),
    engine.history(id, { after: version - 1, limit: 1 }),
    reads.findBroadcast(id, readerOf(caller)),
  ])
  if (instance === undefined || entry === undefined || record === undefined) return undefined
  const broadcast = asBroadcast(instance)
  const { event, uid, at, actor } = entry
  // Only an administrator's command has a reason.
  if (actor.reason !== undefined) {
    return { kind: 'instance', value: instanceEventAnswer('applied', instance) }
  }
  const type = event.type as KeyedEventType
  switch (type) {
    case 'xstate.init': {
      const created = await answerCreated(parts, caller, broadcast, true)
      return created.ok ? { kind: 'created', value: created.value } : undefined
    }
    case 'accept':
      return { kind: 'broadcast', value: acceptAnswer(caller, broadcast, record, uid, at) }
    case 'cancel':
      return { kind: 'broadcast', value: cancelAnswer(caller, broadcast, record, 'applied', at) }
    case 'trip.start':
    case 'trip.complete':
    case 'trip.release':
    case 'trip.abandon':
      return { kind: 'trip', value: tripAnswer(caller, broadcast, String(event.tripId), 'applied') }
    default:
      throw new Error(`No command with an idempotency key sends ${type satisfies never}`)
  }
}
