import { reachOf, refuseByState } from '../../machines/index.js'
import type { BroadcastEventAnswer, Caller, SendOptions } from '../api.js'
import type { PartsWithEngine } from '../parts.js'
import { ok, problem, type Result } from '../problems.js'
import { problemOfRefusal } from '../refusals.js'
import { broadcastView } from '../views/broadcast-view.js'
import { asBroadcast, type Broadcast } from './broadcast.js'

/**
 * Notes that the transporter does not want it: a row of `recipients`, no transition. Declining twice is
 * `unchanged`; what was never offered cannot be declined; what has ended is refused as an accept would be.
 */
export async function decline(
  parts: PartsWithEngine,
  caller: Caller,
  id: string,
  { reason }: { reason?: string | undefined },
  { ifVersion }: SendOptions,
): Promise<Result<BroadcastEventAnswer>> {
  const { engine, reads, recipients } = parts
  const found = await reads.findBroadcast(id, caller.id)
  if (found === undefined) return problem('NOT_FOUND')
  const { instance: row, notified, isOffered, hasDeclined } = found
  if (ifVersion !== undefined && ifVersion !== row.version) return problem('STALE_VERSION')
  let broadcast = asBroadcast(engine.restore(row))
  let isNew = false
  if (!hasDeclined) {
    const byState = refuseByState(broadcast.snapshot, { at: engine.now() })
    if (byState !== undefined) return problemOfRefusal(byState)
    if (!isOffered) return problem('EVENT_NOT_ALLOWED', { detail: 'It was not offered to you' })
    const declined = await recipients.decline(id, caller.id, reason)
    isNew = declined.isNew
    if (declined.isExhausted) broadcast = await widen(parts, broadcast)
  }
  return ok({
    outcome: isNew ? 'applied' : 'unchanged',
    version: broadcast.version,
    broadcast: broadcastView(caller, broadcast, { notified, isOffered, hasDeclined: true }, engine.now()),
  })
}

/** Nobody is left to wait for. If this fails the reach widens at its own time, so the decline stands. */
async function widen({ engine, log }: PartsWithEngine, broadcast: Broadcast): Promise<Broadcast> {
  const { step } = reachOf(broadcast.snapshot)
  if (step === 'done') return broadcast
  try {
    const actor = { id: 'reach', role: 'system' }
    const outcome = await engine.send(broadcast.id, { type: 'reach.exhausted', step }, { actor })
    return asBroadcast(outcome.instance)
  } catch (error) {
    log.warn({ err: error, broadcast: broadcast.id }, 'all have declined, but the reach could not be widened')
    return broadcast
  }
}
