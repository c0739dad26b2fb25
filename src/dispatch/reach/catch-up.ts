/*
 * Offers a transporter every live request that covers it and that it has not been offered. This happens when it
 * connects, becomes available, or one of its drivers comes near. It takes three statements, for any number of requests.
 * After a mass reconnect a few transporters are served at a time. Requesting it again for a waiting transporter adds
 * nothing.
 */

import { defined } from '../../types/defined.js'
import { asBroadcast } from '../broadcasts/broadcast.js'
import { orUndefined } from '../fleet/or-undefined.js'
import type { PartsWithEngine } from '../parts.js'
import type { LiveRequest, OfferEntry, Point } from '../ports.js'
import { distanceKm } from './distance.js'
import { tellOffered } from './offers.js'

/** Live requests that are looked at, newest first. */
const MAX_LIVE = 5_000
/** Offers made by one statement, newest first: each locks a request until the statement is done. The rest follow. */
const MAX_OFFERS = 1_000
/** Two cores and a pool of connections are shared with everything else. */
const MAX_RUNNING = 4
/** Marks such offers apart from those of the reach's own steps. */
const STEP = 'catch_up'

type PlacedDriver = Point & { readonly vehicleType: string }

export class CatchUp {
  readonly #parts: PartsWithEngine
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  #whenIdle: (() => void)[] = []

  constructor(parts: PartsWithEngine) {
    this.#parts = parts
  }

  /** Returns at once. A transporter that is being served is served again afterwards, because facts may have changed. */
  request(transporterId: string): void {
    this.#waiting.add(transporterId)
    this.#pump()
  }

  /** Resolves when nothing waits and nothing is in progress. */
  async idle(): Promise<void> {
    if (this.#waiting.size + this.#running.size === 0) return
    await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #pump(): void {
    for (const id of this.#waiting) {
      if (this.#running.size >= MAX_RUNNING) return
      if (this.#running.has(id)) continue
      this.#waiting.delete(id)
      this.#running.add(id)
      this.#run(id)
    }
    if (this.#waiting.size + this.#running.size === 0) {
      for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
  }

  async #run(transporterId: string): Promise<void> {
    try {
      if (await offerMissed(this.#parts, transporterId)) this.#waiting.add(transporterId)
    } catch (error) {
      // The next heartbeat after an absence, or the next step of the reach, offers the requests as well.
      this.#parts.log.warn({ err: error, transporterId }, 'a transporter could not be offered what it missed')
    } finally {
      this.#running.delete(transporterId)
      this.#pump()
    }
  }
}

/** Returns whether there is more to offer. */
async function offerMissed(parts: PartsWithEngine, transporterId: string): Promise<boolean> {
  const { engine, presence, reads, recipients } = parts
  const present = await orUndefined(presence.presentAmong([transporterId]))
  if (present !== undefined && !present.has(transporterId)) return false
  const live = await reads.listUnofferedLive(transporterId, MAX_LIVE)
  if (live.length === 0) return false
  const drivers = await orUndefined(presence.driversOf(transporterId))
  const all = live.flatMap(request => entryFor(transporterId, request, drivers))
  const entries = all.slice(0, MAX_OFFERS)
  const offered = (await recipients.offer(entries)).filter(offer => offer.isNew)
  if (offered.length === 0) return false
  const offers = new Map(offered.map(offer => [offer.broadcastId, offer]))
  for (const row of await reads.load([...offers.keys()])) {
    const offer = offers.get(row.id)
    if (offer !== undefined) tellOffered(parts, asBroadcast(engine.restore(row)), [offer])
  }
  return all.length > entries.length
}

function entryFor(
  transporterId: string,
  request: LiveRequest,
  drivers: readonly PlacedDriver[] | undefined,
): readonly OfferEntry[] {
  const nearestKm = nearest(request, drivers ?? [])
  // While presence is lost, the reach goes to everyone too.
  if (drivers !== undefined && !covers(request, nearestKm)) return []
  const distance = defined({ distanceKm: nearestKm })
  return [{ broadcastId: request.id, transporterId, step: STEP, ...distance }]
}

function nearest(request: LiveRequest, drivers: readonly PlacedDriver[]): number | undefined {
  const distances = drivers
    .filter(driver => request.openTypes.includes(driver.vehicleType))
    .map(driver => distanceKm(request.pickup, driver))
  return distances.length === 0 ? undefined : Math.min(...distances)
}

/**
 * After the last step, any owner of such a vehicle is covered. Before, only one with a driver within the step's radius.
 */
export function covers({ reach, reachStepsKm }: LiveRequest, nearestKm: number | undefined): boolean {
  if (reach === 'everyone' || reach === 'done') return true
  const radiusKm = reachStepsKm[Number(reach.slice('step_'.length)) - 1]
  return nearestKm !== undefined && radiusKm !== undefined && nearestKm <= radiusKm
}
