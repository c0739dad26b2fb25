/*
 * Handles a step of a request's reach. Transporters that are near, available and present get the offer. Those passed
 * over are recorded with the reason. Handling a step twice is harmless: `recipients` knows its offers, and the offer
 * has one id. While presence is lost, it is unknown which drivers are near or online. Then each step goes to everyone
 * who is available and owns such a vehicle: a needless offer costs a glance, and a missing one may leave a load behind.
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
/** Transporters of the last step. The statement that writes them holds the request's lock meanwhile. */
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
  // A process that was away may handle steps of requests whose time is up.
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

/**
 * Transporters with a driver near, and the distance of the nearest. The statement checks whether they are available.
 */
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
