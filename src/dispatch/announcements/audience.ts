/*
 * Who is behind the table's word for an audience. Live delivery asks for rooms, a resume whether one person is among
 * them: both by the same rule, so that a client that was away is told what it would have been told.
 * Stored events name ids without roles; the word says in which role each is meant.
 */
import { isSamePerson, type Person } from '../person.js'
import { broadcastRoom, personRoom } from '../ports.js'
import type { Audience } from './announcements.js'

/** Whom an event is about. */
export interface Concerned {
  readonly customerId: string
  readonly trip: { readonly driver: { readonly id: string }; readonly transporterId: string } | undefined
}

/** People that the event names. Those who were offered the request are `recipients`, and no part of an event. */
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

/** All who are told in rooms of their own. `offered` (transporters’ ids) is asked only where it is needed. */
export async function peopleToldTo(
  to: Audience,
  concerned: Concerned,
  offered: () => Promise<readonly string[]>,
): Promise<readonly Person[]> {
  return to === 'offered' ? (await offered()).map(transporterOf) : namedPeople(to, concerned)
}

/** The rooms of one announcement, and those that are left out. `offered` is asked only where it is needed. */
export async function roomsOf(
  to: Audience,
  broadcastId: string,
  concerned: Concerned,
  offered: () => Promise<readonly string[]>,
): Promise<{ rooms: readonly string[]; except: readonly string[] }> {
  const people = to === 'offered' ? (await offered()).map(transporterOf) : namedPeople(to, concerned)
  return {
    rooms: [...(toldInRoom(to) ? [broadcastRoom(broadcastId)] : []), ...people.map(personRoom)],
    // A customer who watches is told of the end in words of its own.
    except: to === 'offered' ? [personRoom(customerOf(concerned))] : [],
  }
}

const customerOf = ({ customerId }: Concerned): Person => ({ role: 'customer', id: customerId })

/** Whether the person is told in its own room. `isOffered`: as a transporter, it was offered the request. */
export function isToldTo(person: Person, to: Audience, concerned: Concerned, isOffered: boolean): boolean {
  if (to === 'offered') return isOffered && person.role === 'transporter'
  return namedPeople(to, concerned).some(one => isSamePerson(one, person))
}

/** Whether the person is told as one who watches the request. */
export function isToldWatching(person: Person, to: Audience, concerned: Concerned): boolean {
  return toldInRoom(to) && (to !== 'offered' || !isSamePerson(person, customerOf(concerned)))
}
