/*
 * The end of a process as its clients see it: a word that it goes, upon which they reconnect at once, and then the end
 * of their connection. Not all at the same moment: each that comes back has what it missed read from the database.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from 'socket.io'

/** Sockets resume by the hundred a second on one process; there are others, and who waits is told all the same. */
const BATCH = 250
const BATCH_EVERY_MS = 100
/** The contract of a deployment is seconds: with more sockets than this lets through slowly, batches are larger. */
const MAX_BATCHES = 20

/**
 * Tells every socket of this process to go and ends its connection. Below Socket.IO, for of a server that disconnects
 * them its own clients stay away, and of a connection that is lost they come back.
 */
export async function sendAway(io: Server): Promise<void> {
  const sockets = [...io.of('/').sockets.values()]
  const size = Math.max(BATCH, Math.ceil(sockets.length / MAX_BATCHES))
  for (let begin = 0; begin < sockets.length; begin += size) {
    if (begin > 0) await delay(BATCH_EVERY_MS)
    for (const socket of sockets.slice(begin, begin + size)) {
      socket.emit('going_away', { type: 'going_away', at: new Date().toISOString(), data: {} })
      socket.conn.close()
    }
  }
  // Those that were being welcomed meanwhile.
  for (const socket of io.of('/').sockets.values()) socket.conn.close()
}
