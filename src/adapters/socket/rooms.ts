import type { Server } from 'socket.io'

/**
 * Whether a socket of this process is in one of the rooms. Without this check an emit to nobody would still be encoded.
 */
export function isAnybodyIn(io: Server, rooms: readonly string[]): boolean {
  const occupied = io.of('/').adapter.rooms
  return rooms.some(room => occupied.has(room))
}
