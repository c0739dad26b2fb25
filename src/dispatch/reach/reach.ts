/*
 * A request's reach has widened: who is near, available and present gets the offer; who was passed over is put
 * on record with the reason. Handling a step again is harmless: `recipients` knows who was offered it, and the
 * offer has one id. While presence is lost nobody knows who is near or here: then every step goes to everyone who
 * is available and owns such a vehicle, for an offer too many is refused in a second, and one too few is a load
 * that nobody carries.
 */
import { isSeeking, openTypes, type ReachStep } from '../../machines/index.js'
import type { EmittedEvent } from '../../runtime/types.js'
import type { Broadcast } from '../broadcasts/broadcast.js'
import type { FirstStep } from '../broadcasts/first-step.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import { orUndefined } from '../fleet/or-undefined.js'
import type { PartsWithEngine } from '../parts.js'
import type { OfferEntry } from '../ports.js'
import { widenIfAllDeclined } from './exhausted.js'
import { tellOffered } from './offers.js'

/** Drivers that one step looks at, nearest first. More than a city has of one type within 75 km. */
const MAX_NEARBY_DRIVERS = 10_000
/** Transporters of the last step: the statement that writes them holds the request's lock meanwhile. */
const MAX_EVERYONE = 10_000

export interface ReachParts extends PartsWithEngine {
  readonly firstStep: FirstStep
  readonly requests: KnownRequests
}

/** Handles `reach.widened`. */
export async function widenReach(parts: ReachParts, event: EmittedEvent): Promise<void> {
  const step = event.payload.step as ReachStep
  const radiusKm = event.payload.radiusKm as number | null
  const { engine, recipients, requests, firstStep } = parts
  const broadcast = await requests.read(event.instance, event.version)
  // A process that comes back late finds steps of requests whose time is up.
  const isLive = isSeeking(broadcast.snapshot) && engine.now() < broadcast.snapshot.context.expiresAt
  const entries = isLive ? await search(parts, broadcast, step, radiusKm) : []
  const offered = await recipients.offer(entries)
  tellOffered(parts, broadcast, offered)
  const found = { step: String(step), offered: offered.length, notOffered: entries.length - offered.length }
  parts.meter?.reached(found)
  if (step === 1) firstStep.settle(broadcast.id, offered.length)
  else if (isLive && offered.length === 0) await widenIfAllDeclined(parts, broadcast.id)
}

async function search(
  parts: PartsWithEngine,
  broadcast: Broadcast,
  step: ReachStep,
  radiusKm: number | null,
): Promise<readonly OfferEntry[]> {
  const found = radiusKm === null ? undefined : await orUndefined(near(parts, broadcast, radiusKm))
  const distances = found ?? (await everyone(parts, broadcast))
  const present = await orUndefined(parts.presence.presentAmong([...distances.keys()]))
  return [...distances].map(([transporterId, distanceKm]) => ({
    broadcastId: broadcast.id,
    transporterId,
    step: String(step),
    ...(distanceKm === undefined ? {} : { distanceKm }),
    ...(present === undefined || present.has(transporterId) ? {} : { reason: 'transporter_not_present' }),
  }))
}

/** Transporters with a driver near, and how far the nearest is. Whether they are available the statement sees. */
async function near({ presence }: PartsWithEngine, { snapshot }: Broadcast, radiusKm: number) {
  const { pickup } = snapshot.context
  const types = openTypes(snapshot.context)
  const distances = new Map<string, number | undefined>()
  for (const driver of await presence.nearby(pickup, radiusKm, types, MAX_NEARBY_DRIVERS)) {
    if (!distances.has(driver.transporterId)) distances.set(driver.transporterId, driver.distanceKm)
  }
  return distances
}

/** Available transporters that own a vehicle of an open type, wherever their drivers are. */
async function everyone({ fleet }: PartsWithEngine, { snapshot }: Broadcast) {
  const owners = await fleet.availableOwners(openTypes(snapshot.context), MAX_EVERYONE)
  return new Map<string, number | undefined>(owners.map(id => [id, undefined]))
}
