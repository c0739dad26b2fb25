import type { Engine } from '../../runtime/api.js'
import type { Broadcast } from '../broadcasts/broadcast.js'
import { type Envelope, type Fanout, type Offered, userRoom } from '../ports.js'
import { offerView } from '../views/broadcast-view.js'
import { isoTime } from '../views/trip-view.js'

/** Whole kilometres: as exact as a position twelve seconds old, and few groups, each of which is one emit. */
const asShown = (distanceKm: number | null) => (distanceKm === null ? undefined : Math.round(distanceKm))

/** An offer as a transporter gets it. All of them get it under one id, however often it is told. */
export function offerEnvelope(
  broadcast: Broadcast,
  { notified, distanceKm }: Pick<Offered, 'notified' | 'distanceKm'>,
  now: number,
): Envelope {
  const view = offerView(broadcast, notified, now)
  const shown = asShown(distanceKm)
  return {
    id: `${broadcast.id}:offer`,
    broadcastId: broadcast.id,
    version: broadcast.version,
    type: 'new_broadcast',
    at: isoTime(now),
    data: {
      title:
        view.trucksNeeded === 1 ? 'New request for a truck' : `New request for ${view.trucksNeeded} trucks`,
      broadcast: view,
      ...(shown === undefined ? {} : { distanceKm: shown }),
    },
  }
}

/** What this process knows to have ended is no offer any more: the ending has been announced already. */
export const isKnownToHaveEnded = (engine: Engine, broadcastId: string) =>
  engine.refuseFromMemory(broadcastId, 'accept') !== undefined

/** Tells transporters of an offer that is on record, unless it is known to have ended meanwhile. */
export function tellOffered(
  { engine, fanout }: { engine: Engine; fanout: Fanout },
  broadcast: Broadcast,
  offered: readonly Offered[],
): void {
  const [first] = offered
  if (first === undefined || isKnownToHaveEnded(engine, broadcast.id)) return
  const now = engine.now()
  const groups = new Map<number | undefined, { like: Offered; rooms: string[] }>()
  for (const one of offered) {
    const distance = asShown(one.distanceKm)
    const group = groups.get(distance)
    if (group === undefined) groups.set(distance, { like: one, rooms: [userRoom(one.transporterId)] })
    else group.rooms.push(userRoom(one.transporterId))
  }
  for (const { like, rooms } of groups.values()) {
    fanout.emit(rooms, offerEnvelope(broadcast, { ...like, notified: first.notified }, now))
  }
}
