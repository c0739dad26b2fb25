import { refuseByState } from '../../machines/index.js'
import type { Engine } from '../../runtime/api.js'
import type { Broadcast } from '../broadcasts/broadcast.js'
import { type Envelope, type Fanout, type Offered, personRoom } from '../ports.js'
import { offerView } from '../views/broadcast-view.js'
import { isoTime } from '../views/trip-view.js'

/**
 * One emit serves all transporters that are shown the same distance. So this bounds the emits of an offer, however many
 * transporters get it. Between processes, each emit is a message with the whole offer in it.
 */
const MAX_GROUPS = 10
/**
 * A position twelve seconds old is no more exact than a kilometre. Larger steps are taken if there are too many groups.
 */
const STEPS_KM = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000]

/** The distance as one transporter sees it. */
export const wholeKm = (distanceKm: number | null) =>
  distanceKm === null ? undefined : Math.round(distanceKm)

export const offerTitle = (trucks: number) =>
  trucks === 1 ? 'New request for a truck' : `New request for ${trucks} trucks`

export const offerId = (broadcastId: string) => `${broadcastId}:offer`

/** An offer as a transporter gets it. All transporters get it under one id, however often it is sent. */
export function offerEnvelope(
  broadcast: Broadcast,
  { notified, shownKm }: { notified: number; shownKm: number | undefined },
  now: number,
): Envelope {
  const view = offerView(broadcast, notified, now)
  return {
    id: offerId(broadcast.id),
    broadcastId: broadcast.id,
    version: broadcast.version,
    type: 'new_broadcast',
    at: isoTime(now),
    data: {
      title: offerTitle(view.trucksNeeded),
      broadcast: view,
      ...(shownKm === undefined ? {} : { distanceKm: shownKm }),
    },
  }
}

/**
 * Whether the request has ended, in the state that was read or as this process knows. Then its offers are void: all
 * transporters that were offered it are told of the end.
 */
export const hasEnded = (engine: Engine, { id, snapshot }: Broadcast) =>
  engine.refuseFromMemory(id, 'accept') !== undefined ||
  refuseByState(snapshot, { at: engine.now() }) !== undefined

/** Emits an offer that is on record to transporters, unless the request has ended. */
export function tellOffered(
  { engine, fanout }: { engine: Engine; fanout: Fanout },
  broadcast: Broadcast,
  offered: readonly Offered[],
): void {
  const [first] = offered
  if (first === undefined || hasEnded(engine, broadcast)) return
  const now = engine.now()
  for (const { distanceKm, transporters } of byDistance(offered)) {
    fanout.emit(
      transporters.map(id => personRoom({ role: 'transporter', id })),
      offerEnvelope(broadcast, { notified: first.notified, shownKm: distanceKm }, now),
    )
  }
}

interface Group {
  /** As it is shown. */
  readonly distanceKm: number | undefined
  readonly transporters: readonly string[]
}

/** Nearest first, those without a distance last. At most ten groups, and that last one. */
export function byDistance(
  offered: readonly Pick<Offered, 'transporterId' | 'distanceKm'>[],
): readonly Group[] {
  for (const stepKm of STEPS_KM) {
    const groups = groupBySteps(offered, stepKm)
    if (groups.filter(group => group.distanceKm !== undefined).length <= MAX_GROUPS) return groups
  }
  throw new Error('Expected a distance between two places on earth')
}

function groupBySteps(
  offered: readonly Pick<Offered, 'transporterId' | 'distanceKm'>[],
  stepKm: number,
): readonly Group[] {
  const groups = new Map<number, string[]>()
  for (const { transporterId, distanceKm } of offered) {
    const shown = distanceKm === null ? Number.POSITIVE_INFINITY : Math.round(distanceKm / stepKm) * stepKm
    const others = groups.get(shown)
    if (others === undefined) groups.set(shown, [transporterId])
    else others.push(transporterId)
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([km, transporters]) => ({ distanceKm: Number.isFinite(km) ? km : undefined, transporters }))
}
