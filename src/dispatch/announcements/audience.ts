/*
 * Who is behind the table's word for an audience. Live delivery asks for rooms, a resume whether one user is among
 * them: both by the same rule, so that a client that was away is told what it would have been told.
 */
import { broadcastRoom, userRoom } from '../ports.js'
import type { Audience } from './announcements.js'

/** Whom an event is about. */
export interface Concerned {
  readonly customerId: string
  readonly trip: { readonly driver: { readonly id: string }; readonly transporterId: string } | undefined
}

/** Users that the event names. Those who were offered the request are `recipients`, and no part of an event. */
function namedUsers(to: Audience, { customerId, trip }: Concerned): readonly string[] {
  switch (to) {
    case 'customer':
    case 'watchers':
      return [customerId]
    case 'driver':
      return trip === undefined ? [] : [trip.driver.id]
    case 'transporter':
      return trip === undefined ? [] : [trip.transporterId]
    case 'driverAndTransporter':
      return trip === undefined ? [] : [trip.driver.id, trip.transporterId]
    case 'offered':
      return []
  }
}

const toldInRoom = (to: Audience) => to === 'watchers' || to === 'offered'

/** All who are told in rooms of their own. `offered` is asked only where it is needed. */
export async function usersToldTo(
  to: Audience,
  concerned: Concerned,
  offered: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (to !== 'offered') return namedUsers(to, concerned)
  return (await offered()).filter(id => id !== concerned.customerId)
}

/** The rooms of one announcement, and those that are left out. `offered` is asked only where it is needed. */
export async function roomsOf(
  to: Audience,
  broadcastId: string,
  concerned: Concerned,
  offered: () => Promise<readonly string[]>,
): Promise<{ rooms: readonly string[]; except: readonly string[] }> {
  const users = to === 'offered' ? await offered() : namedUsers(to, concerned)
  return {
    rooms: [...(toldInRoom(to) ? [broadcastRoom(broadcastId)] : []), ...users.map(userRoom)],
    // A customer who watches is told of the end in words of its own.
    except: to === 'offered' ? [userRoom(concerned.customerId)] : [],
  }
}

/** Whether the user is told in its own room. */
export function isToldTo(userId: string, to: Audience, concerned: Concerned, isOffered: boolean): boolean {
  if (to === 'offered') return isOffered && userId !== concerned.customerId
  return namedUsers(to, concerned).includes(userId)
}

/** Whether the user is told as one who watches the request. */
export function isToldWatching(userId: string, to: Audience, { customerId }: Concerned): boolean {
  return toldInRoom(to) && (to !== 'offered' || userId !== customerId)
}
