import type { Server } from 'socket.io'
import { wakesPeople } from '../../dispatch/announcements/socket-events.js'
import {
  type Envelope,
  type Fanout,
  PERSON_ROOM_PREFIX,
  type Person,
  personRoom,
} from '../../dispatch/ports.js'
import type { AcknowledgedEmits } from './acknowledged.js'
import type { SocketData } from './authenticate.js'
import { oldRoomsOf } from './cluster/old-rooms.js'
import { isAnybodyIn } from './rooms.js'

/**
 * Rooms in one emit. An emit is encoded once, however many rooms it names; across processes it is one message that
 * names them all. More would keep each process busy for longer than the few milliseconds that others can wait.
 */
const ROOMS_PER_EMIT = 1_000

/** Processes that an emit reaches beside this one. */
export interface Others {
  /** One of them is of the release before, whose sockets are in rooms of other names. */
  areOld(): boolean
}

/** `Fanout` on Socket.IO. Never a loop of emits by person. Without `others` all sockets are on this process. */
export function createFanout(
  io: Server,
  { askAll }: Pick<AcknowledgedEmits, 'askAll'>,
  others: Others | undefined,
): Fanout {
  return {
    emit(rooms, envelope, leftOut = []) {
      if (others === undefined && !isAnybodyIn(io, rooms)) return
      if (!others?.areOld()) return emitInChunks(io, askAll, chunkRooms(rooms), envelope, leftOut)
      emitInChunks(io, askAll, inBothKinds(rooms), envelope, [...leftOut, ...oldRoomsOf(leftOut)])
    },
    disconnectPerson(person) {
      const room = personRoom(person)
      // Ours at once. The adapter would end them only when its message has been to Redis and back.
      io.local.in(room).disconnectSockets(true)
      io.in(others?.areOld() ? [room, ...oldRoomsOf([room])] : room).disconnectSockets(true)
    },
    endSessions: (person, issuedUpTo) => endSessions(io, person, issuedUpTo),
  }
}

/** The same, but to the sockets of this process alone. */
export function createLocalFanout(io: Server, { askOwn }: Pick<AcknowledgedEmits, 'askOwn'>): Fanout {
  return {
    emit(rooms, ...said) {
      if (isAnybodyIn(io, rooms)) emitInChunks(io.local, askOwn, chunkRooms(rooms), ...said)
    },
    disconnectPerson: person => io.local.in(personRoom(person)).disconnectSockets(true),
    endSessions: (person, issuedUpTo) => endSessions(io, person, issuedUpTo),
  }
}

/** Those of a person's sockets here whose tokens are ended; a socket with a newer token stays. */
function endSessions(io: Server, person: Person, issuedUpTo: number): void {
  const { adapter, sockets } = io.of('/')
  for (const id of [...(adapter.rooms.get(personRoom(person)) ?? [])]) {
    const socket = sockets.get(id)
    if (socket !== undefined && (socket.data as SocketData).issuedAt <= issuedUpTo) socket.disconnect(true)
  }
}

function emitInChunks(
  io: Pick<Server, 'to'>,
  ask: AcknowledgedEmits['askAll'],
  chunks: readonly Chunk[],
  envelope: Envelope,
  leftOut: readonly string[] = [],
): void {
  for (const { to, except } of chunks) {
    const not = [...except, ...leftOut]
    if (wakesPeople(envelope)) ask(to, not, envelope)
    else io.to(to).except(not).emit(envelope.type, envelope)
  }
}

/** Each chunk names the rooms of old processes beside their own: an old one alone would be taken for an old emit. */
function inBothKinds(rooms: readonly string[]): Chunk[] {
  return chunkRooms(rooms, ROOMS_PER_EMIT / 2).map(({ to, except }) => ({
    to: [...to, ...oldRoomsOf(to)],
    except,
  }))
}

interface Chunk {
  readonly to: string[]
  readonly except: string[]
}

/**
 * A socket is in one person's room only, but may be in other rooms too: these go out first, and who is in
 * them is left out of later chunks. So a socket gets the event once, whatever the number of rooms.
 */
export function chunkRooms(rooms: readonly string[], size = ROOMS_PER_EMIT): Chunk[] {
  const isOwn = (room: string) => room.startsWith(PERSON_ROOM_PREFIX)
  const shared = rooms.filter(room => !isOwn(room))
  const ordered = [...shared, ...rooms.filter(isOwn)]
  const chunks: Chunk[] = []
  for (let start = 0; start < ordered.length; start += size) {
    chunks.push({ to: ordered.slice(start, start + size), except: shared.slice(0, start) })
  }
  return chunks
}
