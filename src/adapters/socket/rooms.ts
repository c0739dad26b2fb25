import type { Server } from 'socket.io'

/** Whether a socket of this process is in one of them. An emit to nobody would be encoded all the same. */
export function isAnybodyIn(io: Server, rooms: readonly string[]): boolean {
  const occupied = io.of('/').adapter.rooms
  return rooms.some(room => occupied.has(room))
}
