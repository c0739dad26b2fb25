/*
 * What dispatch does with the events that the machine emits. The subscribers are isolated: offers do not wait for
 * announcements, and announcements do not wait for offers.
 */
import type { BroadcastEmitted, Trip } from '../../machines/index.js'
import type { EmittedEvent, Subscriber } from '../../runtime/types.js'
import { BROADCAST } from '../broadcasts/broadcast.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import type { DriverStatus } from '../fleet/driver-status.js'
import type { PartsWithEngine } from '../parts.js'
import type { Fanout, RecordedEvent } from '../ports.js'
import { type ReachParts, widenReach } from '../reach/reach.js'
import { announcements } from './announcements.js'
import { roomsOf } from './audience.js'
import { wordingFor } from './wording.js'

/** Events that begin or end a driver's trip. */
const changesDriver = new Set(['truck.assigned', 'truck.released', 'trip.completed', 'trip.cancelled'])

type Announced = BroadcastEmitted['type']

export function reachSubscriber(parts: () => ReachParts): Subscriber {
  return {
    name: 'reach',
    wants: (machine, type) => machine === BROADCAST && type === 'reach.widened',
    handle: event => widenReach(parts(), event),
  }
}

export interface SocketParts extends PartsWithEngine {
  readonly driverStatus: DriverStatus
  readonly requests: KnownRequests
}

export function socketSubscriber(parts: () => SocketParts): Subscriber {
  async function handle(emitted: EmittedEvent, attempt: number): Promise<void> {
    const { fanout, driverStatus } = parts()
    await announceTo(fanout, parts(), emitted, attempt)
    const { type, payload } = emitted
    if (!changesDriver.has(type)) return
    const { trip } = payload as unknown as { trip: Trip }
    driverStatus.note(trip.driver.id, trip.transporterId)
  }

  return {
    name: 'socket',
    wants: (machine, type) => isAnnounced(machine, type),
    handle,
  }
}

export function isAnnounced(machine: string, type: string): boolean {
  return machine === BROADCAST && (announcements[type as Announced]?.length ?? 0) > 0
}

/** Sends the announcements of this event to their audiences. Repeated, it sends the same under the same ids. */
export async function announceTo(
  fanout: Pick<Fanout, 'emit'>,
  { requests, recipients }: Pick<SocketParts, 'requests' | 'recipients'>,
  emitted: RecordedEvent,
  attempt = 1,
): Promise<void> {
  const { instance } = emitted
  const { concerned, said } = await wordingFor(emitted, requests, attempt)
  const offered = () => recipients.offered(instance)
  for (const { to, envelope } of said) {
    const { rooms, except } = await roomsOf(to, instance, concerned, offered)
    fanout.emit(rooms, envelope, except)
  }
}
