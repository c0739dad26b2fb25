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
 * Rooms in one emit. An emit is encoded once for all its rooms, and is one message to the other processes. More rooms
 * would block each process for longer than the few milliseconds that other work can wait.
 */
const ROOMS_PER_EMIT = 1_000

/** The other processes that an emit reaches. */
export interface Others {
  /** Whether any of them runs the previous release, which names rooms differently. */
  areOld(): boolean
}

/**
 * `Fanout` on Socket.IO. One emit covers many people instead of one for each. Without `others` all sockets are on this
 * process.
 */
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
      // Our own sockets at once. The adapter would disconnect them only after its message came back from Redis.
      io.local.in(room).disconnectSockets(true)
      io.in(others?.areOld() ? [room, ...oldRoomsOf([room])] : room).disconnectSockets(true)
    },
    endSessions: (person, issuedUpTo) => endSessions(io, person, issuedUpTo),
  }
}

/** The same, but only to the sockets of this process. */
export function createLocalFanout(io: Server, { askOwn }: Pick<AcknowledgedEmits, 'askOwn'>): Fanout {
  return {
    emit(rooms, ...said) {
      if (isAnybodyIn(io, rooms)) emitInChunks(io.local, askOwn, chunkRooms(rooms), ...said)
    },
    disconnectPerson: person => io.local.in(personRoom(person)).disconnectSockets(true),
    endSessions: (person, issuedUpTo) => endSessions(io, person, issuedUpTo),
  }
}

/** Disconnects a person's sockets on this process whose tokens have ended. Sockets with newer tokens stay. */
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

/** Each chunk names new and old rooms together. With old rooms alone it would look like an emit of an old process. */
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
 * A socket is in the room of one person, but may be in other rooms too. Those rooms are in the first chunks, and later
 * chunks exclude them. So each socket gets the event once, however many rooms there are.
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
