import { reachOf } from '../../machines/index.js'
import { asBroadcast, type Broadcast } from '../broadcasts/broadcast.js'
import type { PartsWithEngine } from '../parts.js'

/**
 * Widens the reach at once where nobody is left to wait for: at least one was offered the request, and all of them have
 * declined. To be asked after each decline and after each step that offered it to nobody new, once that is committed:
 * whichever of two comes last then sees both. The step is read after that, so one that has just begun is not skipped
 * unseen: it asks for itself. Answers the request as it is then, if it was widened.
 * What fails here happens at the step's own time all the same, so the decline stands.
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
    log.warn({ err: error, broadcast: id }, 'all have declined, but the reach could not be widened')
    return undefined
  }
}
