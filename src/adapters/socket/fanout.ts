import type { Server } from 'socket.io'
import { type Envelope, type Fanout, type Person, userRoom, wakesPeople } from '../../dispatch/ports.js'
import type { AcknowledgedEmits } from './acknowledged.js'
import type { SocketData } from './authenticate.js'
import { isAnybodyIn } from './rooms.js'

/**
 * Rooms in one emit. An emit is encoded once, however many rooms it names; across processes it is one message that
 * names them all. More would keep each process busy for longer than the few milliseconds that others can wait.
 */
const ROOMS_PER_EMIT = 1_000
const USER_ROOM_PREFIX = userRoom('')

/** `Fanout` on Socket.IO. Never a loop of emits by user. `hasOthers`: sockets may be on other processes too. */
export function createFanout(
  io: Server,
  { askAll }: Pick<AcknowledgedEmits, 'askAll'>,
  hasOthers: boolean,
): Fanout {
  return {
    emit(rooms, ...said) {
      if (hasOthers || isAnybodyIn(io, rooms)) emitInChunks(io, askAll, rooms, ...said)
    },
    disconnectUser(userId) {
      // Ours at once. The adapter would end them only when its message has been to Redis and back.
      io.local.in(userRoom(userId)).disconnectSockets(true)
      io.in(userRoom(userId)).disconnectSockets(true)
    },
    endSessions: (person, issuedUpTo) => endSessions(io, person, issuedUpTo),
  }
}

/** The same, but to the sockets of this process alone. */
export function createLocalFanout(io: Server, { askOwn }: Pick<AcknowledgedEmits, 'askOwn'>): Fanout {
  return {
    emit(rooms, ...said) {
      if (isAnybodyIn(io, rooms)) emitInChunks(io.local, askOwn, rooms, ...said)
    },
    disconnectUser: userId => io.local.in(userRoom(userId)).disconnectSockets(true),
    endSessions: (person, issuedUpTo) => endSessions(io, person, issuedUpTo),
  }
}

/** Those of a person's sockets here whose tokens are ended; a socket with a newer token stays. */
function endSessions(io: Server, { role, id }: Person, issuedUpTo: number): void {
  const { adapter, sockets } = io.of('/')
  for (const socketId of [...(adapter.rooms.get(userRoom(id)) ?? [])]) {
    const socket = sockets.get(socketId)
    const { caller, issuedAt } = (socket?.data ?? {}) as Partial<SocketData>
    if (caller?.role === role && issuedAt !== undefined && issuedAt <= issuedUpTo) socket?.disconnect(true)
  }
}

function emitInChunks(
  io: Pick<Server, 'to'>,
  ask: AcknowledgedEmits['askAll'],
  rooms: readonly string[],
  envelope: Envelope,
  leftOut: readonly string[] = [],
): void {
  for (const { to, except } of chunkRooms(rooms)) {
    const not = [...except, ...leftOut]
    if (wakesPeople(envelope)) ask(to, not, envelope)
    else io.to(to).except(not).emit(envelope.type, envelope)
  }
}

interface Chunk {
  readonly to: string[]
  readonly except: string[]
}

/**
 * A socket is in one user's room only, but may be in other rooms too: these go out first, and who is in
 * them is left out of later chunks. So a socket gets the event once, whatever the number of rooms.
 */
export function chunkRooms(rooms: readonly string[], size = ROOMS_PER_EMIT): Chunk[] {
  const isUserRoom = (room: string) => room.startsWith(USER_ROOM_PREFIX)
  const shared = rooms.filter(room => !isUserRoom(room))
  const ordered = [...shared, ...rooms.filter(isUserRoom)]
  const chunks: Chunk[] = []
  for (let start = 0; start < ordered.length; start += size) {
    chunks.push({ to: ordered.slice(start, start + size), except: shared.slice(0, start) })
  }
  return chunks
}
