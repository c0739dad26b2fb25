import { reachOf } from '../../machines/index.js'
import { asBroadcast, type Broadcast } from '../broadcasts/broadcast.js'
import type { PartsWithEngine } from '../parts.js'

/**
 * Widens the reach at once if every transporter that was offered the request has declined, and there was at least one.
 * To be called after each decline and after each step that offered the request to no new transporter, once that is
 * committed: of two concurrent ones, the later sees both. Returns the request after the change, if it was widened. The
 * step is read last, so a step that has just begun is not skipped: it makes its own call. If this fails, the step still
 * comes at its own time, and the decline is kept.
 */
export async function widenIfAllDeclined(
  { engine, recipients, log }: PartsWithEngine,
  id: string,
): Promise<Broadcast | undefined> {
  try {
    if (!(await recipients.haveAllDeclined(id))) return undefined
    const instance = await engine.get(id)
    if (instance === undefined) return undefined
    const { step } = reachOf(asBroadcast(instance).snapshot)
    if (step === 'done') return undefined
    const actor = { id: 'reach', role: 'system' }
    const outcome = await engine.send(id, { type: 'reach.exhausted', step }, { actor })
    return asBroadcast(outcome.instance)
  } catch (error) {
    log.warn(
      { err: error, broadcast: id },
      'all transporters have declined, but the reach could not be widened',
    )
    return undefined
  }
}
