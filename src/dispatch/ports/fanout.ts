import { type Person, personKey } from '../person.js'

/** An event as it is sent on a socket. `id` is the same in each delivery of this socket event. */
export interface Envelope {
  readonly id?: string
  readonly broadcastId?: string
  readonly tripId?: string
  readonly version?: number
  readonly type: string
  /** ISO 8601 UTC. */
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface Fanout {
  /**
   * Emits once to all sockets in any of the rooms, in chunks. A socket in several rooms gets it once. Sockets in a room
   * of `except` do not get it. Clients acknowledge an envelope that wakes people.
   */
  emit(rooms: readonly string[], envelope: Envelope, except?: readonly string[]): void
  /** Closes every connection of a person, in every process. */
  disconnectPerson(person: Person): void
  /** Closes the connections of this process that a person opened with tokens issued up to that second. */
  endSessions(person: Person, issuedUpTo: number): void
}

/** An earlier release named rooms `user:<id>`, and ids may have colons. Another prefix keeps the two kinds apart. */
export const PERSON_ROOM_PREFIX = 'person:'
export const personRoom = (person: Person) => `${PERSON_ROOM_PREFIX}${personKey(person)}`
export const broadcastRoom = (broadcastId: string) => `broadcast:${broadcastId}`
