import { refuseByState } from '../../machines/index.js'
import { readerOf } from '../access.js'
import type { BroadcastEventAnswer, SendOptions } from '../answers.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import { widenIfAllDeclined } from '../reach/exhausted.js'
import { problemOfRefusal, staleVersion } from '../refusals.js'
import { broadcastView } from '../views/broadcast-view.js'
import { asBroadcast } from './broadcast.js'

/**
 * Records that the transporter declines: a row of `recipients`, no transition. A second decline is `unchanged`. A
 * request that was never offered cannot be declined. One that has ended is refused with the same problem as an accept.
 */
export async function decline(
  parts: PartsWithEngine,
  caller: Caller,
  id: string,
  { reason }: { reason?: string | undefined },
  { ifVersion }: SendOptions,
): Promise<Result<BroadcastEventAnswer>> {
  const { engine, reads, recipients } = parts
  const found = await reads.findBroadcast(id, readerOf(caller))
  if (found === undefined) return problem('NOT_FOUND')
  const { instance: row, notified, isOffered, hasDeclined } = found
  if (ifVersion !== undefined && ifVersion !== row.version) return staleVersion(row.version)
  let broadcast = asBroadcast(engine.restore(row))
  let isNew = false
  if (!hasDeclined) {
    const byState = refuseByState(broadcast.snapshot, { at: engine.now() })
    if (byState !== undefined) return problemOfRefusal(byState)
    if (!isOffered) return problem('EVENT_NOT_ALLOWED', { detail: 'It was not offered to you' })
    isNew = await recipients.decline(id, caller.id, reason)
    if (isNew) broadcast = (await widenIfAllDeclined(parts, id)) ?? broadcast
  }
  return ok({
    outcome: isNew ? 'applied' : 'unchanged',
    version: broadcast.version,
    broadcast: broadcastView(caller, broadcast, { notified, isOffered, hasDeclined: true }, engine.now()),
  })
}
