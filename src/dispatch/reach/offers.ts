import type { Engine } from '../../runtime/api.js'
import type { Broadcast } from '../broadcasts/broadcast.js'
import { type Fanout, type Offered, userRoom } from '../ports.js'
import { offerView } from '../views/broadcast-view.js'
import { isoTime } from '../views/trip-view.js'

/** Whole kilometres: as exact as a position twelve seconds old, and few groups, each of which is one emit. */
const asShown = (distanceKm: number | null) => (distanceKm === null ? undefined : Math.round(distanceKm))

/**
 * Tells transporters of an offer that is on record. All of them get it under one id, however often it is told.
 * Not told: what this process knows to have ended meanwhile. The ending has been announced to them already.
 */
export function tellOffered(
  { engine, fanout }: { engine: Engine; fanout: Fanout },
  broadcast: Broadcast,
  offered: readonly Offered[],
): void {
  const first = offered[0]
  if (first === undefined || engine.refuseFromMemory(broadcast.id, 'accept') !== undefined) return
  const now = engine.now()
  const view = offerView(broadcast, first.notified, now)
  const groups = new Map<number | undefined, string[]>()
  for (const { transporterId, distanceKm } of offered) {
    const distance = asShown(distanceKm)
    const rooms = groups.get(distance)
    if (rooms === undefined) groups.set(distance, [userRoom(transporterId)])
    else rooms.push(userRoom(transporterId))
  }
  for (const [distanceKm, rooms] of groups) {
    fanout.emit(rooms, {
      id: `${broadcast.id}:offer`,
      broadcastId: broadcast.id,
      version: broadcast.version,
      type: 'new_broadcast',
      at: isoTime(now),
      data: {
        title:
          view.trucksNeeded === 1 ? 'New request for a truck' : `New request for ${view.trucksNeeded} trucks`,
        broadcast: view,
        ...(distanceKm === undefined ? {} : { distanceKm }),
      },
    })
  }
}
