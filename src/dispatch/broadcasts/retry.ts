/*
 * Requests the missing trucks of an expired request again, once. The retry holds a claim for good, so the commit
 * decides between two retries that race.
 */
import { type BroadcastSnapshot, isSeeking } from '../../machines/index.js'
import { defined } from '../../types/defined.js'
import type { EachOf } from '../../types/each-of.js'
import { actorOf, keyed, readerOf } from '../access.js'
import type { Created, CreateOptions } from '../answers.js'
import { limitsOfCreates, tooManyCreated } from '../caps.js'
import type { Caller } from '../person.js'
import { problem, type Result } from '../problems.js'
import { problemOfRefusal } from '../refusals.js'
import { asBroadcast, BROADCAST } from './broadcast.js'
import { type Asked, answerCreated, type CreateParts, inputOf } from './create.js'

export async function retry(
  parts: CreateParts,
  caller: Caller,
  id: string,
  { key }: CreateOptions = {},
): Promise<Result<Created>> {
  const { engine, reads, settings } = parts
  const found = await reads.findBroadcast(id, readerOf(caller))
  if (found === undefined) return problem('NOT_FOUND')
  const original = asBroadcast(engine.restore(found.instance))
  const asked = missingFrom(original.snapshot)
  if (original.status !== 'expired' || asked === undefined) return problem('NOT_RETRYABLE')

  const input = { ...inputOf(caller.id, asked, settings), retryOf: id }
  const limits = limitsOfCreates(settings.caps)
  const outcome = await engine.create(BROADCAST, input, { actor: actorOf(caller), limits, ...keyed(key) })
  if (outcome.kind === 'limited') return tooManyCreated(outcome)
  if (outcome.kind === 'replayed') return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
  if (outcome.kind === 'created') return answerCreated(parts, caller, asBroadcast(outcome.instance), true)
  if (outcome.reason !== 'NOT_RETRYABLE') return problemOfRefusal(outcome.refusal)
  const earlier = await engine.get(outcome.holder)
  const retried = earlier && asBroadcast(earlier)
  if (retried !== undefined && isSeeking(retried.snapshot)) {
    return answerCreated(parts, caller, retried, false)
  }
  return problem('NOT_RETRYABLE', {
    detail: 'It has been retried before',
    members: { broadcastId: outcome.holder },
  })
}

/** The same request for the trucks that are open. `undefined` if there are none. */
function missingFrom({ context }: BroadcastSnapshot): Asked | undefined {
  const counts = new Map<string, number>()
  for (const { vehicleType, tripId } of context.trucks) {
    if (tripId === null) counts.set(vehicleType, (counts.get(vehicleType) ?? 0) + 1)
  }
  if (counts.size === 0) return undefined
  const { pickup, drop, goods, notes, pricePerTruck } = context
  return defined({
    kind: counts.size === 1 ? context.kind : 'order',
    pickup,
    drop,
    trucks: [...counts].map(([vehicleType, count]) => ({ vehicleType, count })),
    goods,
    notes,
    pricePerTruck,
  } satisfies EachOf<Asked>)
}
