/*
 * The people of each audience in the table. Live delivery looks up rooms, and a resume checks whether one person is in
 * them. Both use the same rule, so a client that was away gets what it would have got live. Stored events name ids
 * without roles; the audience says which role is meant.
 */
import { isSamePerson, type Person } from '../person.js'
import { broadcastRoom, personRoom } from '../ports.js'
import type { Audience } from './announcements.js'

/** The people that an event is about. */
export interface Concerned {
  readonly customerId: string
  readonly trip: { readonly driver: { readonly id: string }; readonly transporterId: string } | undefined
}

/**
 * The people that the event names. Transporters that were offered the request are in `recipients`, not in the event.
 */
function namedPeople(to: Audience, { customerId, trip }: Concerned): readonly Person[] {
  const driver = trip === undefined ? [] : [{ role: 'driver', id: trip.driver.id } as const]
  const transporter = trip === undefined ? [] : [{ role: 'transporter', id: trip.transporterId } as const]
  switch (to) {
    case 'customer':
    case 'watchers':
      return [{ role: 'customer', id: customerId }]
    case 'driver':
      return driver
    case 'transporter':
      return transporter
    case 'driverAndTransporter':
      return [...driver, ...transporter]
    case 'offered':
      return []
  }
}

const toldInRoom = (to: Audience) => to === 'watchers' || to === 'offered'

const transporterOf = (id: string): Person => ({ role: 'transporter', id })

/** All people that get it in rooms of their own. `offered` (transporters’ ids) is called only if it is needed. */
export async function peopleToldTo(
  to: Audience,
  concerned: Concerned,
  offered: () => Promise<readonly string[]>,
): Promise<readonly Person[]> {
  return to === 'offered' ? (await offered()).map(transporterOf) : namedPeople(to, concerned)
}

/** The rooms of one announcement, and those that are left out. `offered` is called only if it is needed. */
export async function roomsOf(
  to: Audience,
  broadcastId: string,
  concerned: Concerned,
  offered: () => Promise<readonly string[]>,
): Promise<{ rooms: readonly string[]; except: readonly string[] }> {
  const people = to === 'offered' ? (await offered()).map(transporterOf) : namedPeople(to, concerned)
  return {
    rooms: [...(toldInRoom(to) ? [broadcastRoom(broadcastId)] : []), ...people.map(personRoom)],
    // A customer that watches gets its own announcement of the end.
    except: to === 'offered' ? [personRoom(customerOf(concerned))] : [],
  }
}

const customerOf = ({ customerId }: Concerned): Person => ({ role: 'customer', id: customerId })

/**
 * Whether the person gets it in its own room. `isOffered`: the person is a transporter that was offered the request.
 */
export function isToldTo(person: Person, to: Audience, concerned: Concerned, isOffered: boolean): boolean {
  if (to === 'offered') return isOffered && person.role === 'transporter'
  return namedPeople(to, concerned).some(one => isSamePerson(one, person))
}

/** Whether the person gets it as a watcher of the request. */
export function isToldWatching(person: Person, to: Audience, concerned: Concerned): boolean {
  return toldInRoom(to) && (to !== 'offered' || !isSamePerson(person, customerOf(concerned)))
}
