import { type Person, personKey } from '../person.js'

/** What goes out on a socket. `id` names this socket event for good: a repeated delivery carries the same. */
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
   * One emit to all sockets in any of the rooms; a socket in several gets it once. Chunked inside.
   * Sockets in any room of `except` do not get it. What wakes people is to be acknowledged.
   */
  emit(rooms: readonly string[], envelope: Envelope, except?: readonly string[]): void
  /** Ends every connection of a person, on any process. */
  disconnectPerson(person: Person): void
  /** Ends the connections on this process that a person opened with tokens issued up to that second. */
  endSessions(person: Person, issuedUpTo: number): void
}

/** A release named rooms `user:<id>`, and ids may have colons: another word keeps the two kinds apart. */
export const PERSON_ROOM_PREFIX = 'person:'
export const personRoom = (person: Person) => `${PERSON_ROOM_PREFIX}${personKey(person)}`
export const broadcastRoom = (broadcastId: string) => `broadcast:${broadcastId}`
