/*
 * A transporter takes a truck. This costs at most two round trips to Postgres: the facts and the commit. Refusals are
 * checked in the contract's order: the state of the request, then the fleet, then what only the machine and the claims
 * can tell. The commit checks the facts of the fleet again. If one has changed, the accept is decided anew.
 */
import { type BroadcastSnapshot, refuseByState, trucksFilled } from '../../machines/index.js'
import { PRECONDITION_FAILED } from '../../runtime/types.js'
import { defined } from '../../types/defined.js'
import { actorOf, keyed } from '../access.js'
import type { BroadcastEventAnswer, SendOptions } from '../answers.js'
import { atCap } from '../caps.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import { problemOfRefusal, staleVersion } from '../refusals.js'
import { broadcastView, type Standing } from '../views/broadcast-view.js'
import type { AssignmentView } from '../views/views.js'
import { asBroadcast, type Broadcast } from './broadcast.js'

/** A row counts as changed while a statement changes it. These retries outlast several such statements. */
const MAX_DECISIONS = 5
const FIRST_PAUSE_MS = 2

interface TruckOfFleet {
  readonly driverId: string
  readonly vehicleId: string
}

export async function accept(
  parts: PartsWithEngine,
  caller: Caller,
  id: string,
  truck: TruckOfFleet,
  options: SendOptions,
): Promise<Result<BroadcastEventAnswer>> {
  for (let decisions = 1; ; decisions++) {
    const answer = await decide(parts, caller, id, truck, options)
    if (answer !== 'changed') return answer
    if (decisions === MAX_DECISIONS) return problem('UNAVAILABLE', { retryAfterSeconds: 1 })
    await new Promise(resolve => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (decisions - 1)))
  }
}

/** `changed`: the driver, vehicle or a person has changed since the accept was decided. */
async function decide(
  { engine, fleet, settings }: PartsWithEngine,
  caller: Caller,
  id: string,
  { driverId, vehicleId }: TruckOfFleet,
  { ifVersion, key }: SendOptions,
): Promise<Result<BroadcastEventAnswer> | 'changed'> {
  // With `If-Match`, a newer version is reported first, which takes a read.
  const fromMemory = ifVersion === undefined ? engine.refuseFromMemory(id, 'accept') : undefined
  if (fromMemory !== undefined) return problemOfRefusal(fromMemory)

  const readStartedAt = performance.now()
  const { tripsPerDay, releasesPerRequest } = settings.caps
  const facts = await fleet.acceptFacts(id, caller.id, driverId, vehicleId, tripsPerDay)
  if (!facts.isUserActive) return problem('USER_INACTIVE')
  if (facts.broadcast === undefined) return problem('NOT_FOUND')
  const { instance: row, ...standing } = facts.broadcast
  if (ifVersion !== undefined && ifVersion !== row.version) return staleVersion(row.version)
  // The row was read after the accept arrived, so its state may be used.
  const { snapshot } = asBroadcast(engine.restore(row))
  const byState = refuseByState(snapshot, { at: engine.now() })
  if (byState !== undefined) return problemOfRefusal(byState)
  if (facts.fullForMs !== undefined) {
    return atCap(`At most ${tripsPerDay} trips of a transporter within 24 hours`, facts.fullForMs)
  }
  if (releasesPerRequest > 0 && releasedBy(caller.id, snapshot) >= releasesPerRequest) {
    return tooManyReleased(releasesPerRequest)
  }
  if (facts.driver === undefined && !facts.isInvited) return problem('DRIVER_NOT_IN_FLEET')
  if (facts.vehicle === undefined) return problem('VEHICLE_NOT_IN_FLEET')
  if (facts.driver === undefined) return problem('DRIVER_NOT_CONFIRMED')
  if (!facts.isDriverActive) return problem('DRIVER_INACTIVE')

  const outcome = await engine.send(
    id,
    { type: 'accept', transporterId: caller.id, driver: facts.driver, vehicle: facts.vehicle },
    {
      actor: actorOf(caller),
      loaded: { row, readStartedAt },
      preconditions: facts.preconditions,
      ...defined({ ifVersion }),
      ...keyed(key),
    },
  )
  if (outcome.kind === 'replayed') return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
  if (outcome.kind === 'refused') {
    return outcome.reason === PRECONDITION_FAILED ? 'changed' : problemOfRefusal(outcome.refusal)
  }
  if (outcome.kind === 'unchanged') throw new Error(`An accept of ${id} changed nothing and was not refused`)
  return ok(acceptAnswer(caller, asBroadcast(outcome.instance), standing, outcome.uid, engine.now()))
}

/**
 * Trips of the request that the transporter released. Each stays in the snapshot, which every accept reads and writes.
 * Accepts in progress when the last allowed one is released still pass: at most as many as there are open trucks.
 */
const releasedBy = (transporterId: string, { context: { trips } }: BroadcastSnapshot) =>
  trips.filter(trip => trip.transporterId === transporterId && trip.status === 'released').length

const tooManyReleased = (max: number) =>
  problem('EVENT_NOT_ALLOWED', {
    detail: `You have released ${max} trips of this request, which is the maximum`,
  })

/** `uid` is that of the accept. */
export function acceptAnswer(
  caller: Caller,
  broadcast: Broadcast,
  standing: Standing,
  uid: string,
  now: number,
): BroadcastEventAnswer {
  return {
    outcome: 'applied',
    version: broadcast.version,
    broadcast: broadcastView(caller, broadcast, standing, now),
    assignment: assignmentOf(broadcast, uid),
  }
}

/** The trip that an accept creates has the accept's uid as its id. */
function assignmentOf({ id, status, snapshot: { context } }: Broadcast, tripId: string): AssignmentView {
  const trip = context.trips.find(other => other.id === tripId)
  if (trip === undefined) throw new Error(`An accept of ${id} made no trip ${tripId}`)
  return {
    id: trip.id,
    tripId: trip.id,
    truckId: trip.truckId,
    driverId: trip.driver.id,
    vehicleId: trip.vehicle.id,
    trucksConfirmed: trucksFilled(context),
    isFullyFilled: status === 'fully_filled',
  }
}
