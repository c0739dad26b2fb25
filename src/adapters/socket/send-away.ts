/*
 * Announces the end of the process to its clients, which then reconnect at once, and closes their connections. It does
 * so in batches, because each client that reconnects reads its missed events from the database.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from 'socket.io'

/**
 * One process resumes sockets by the hundred a second, and there are other processes. Larger batches would make clients
 * wait.
 */
const BATCH = 250
const BATCH_EVERY_MS = 100
/** A shutdown may take only seconds, so with very many sockets the batches get larger. */
const MAX_BATCHES = 20

/**
 * Tells every socket of this process to reconnect and closes its connection. It closes below Socket.IO: after a
 * disconnect by the server the client library stays away, after a lost connection it reconnects.
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
  // Sockets that connected in the meantime.
  for (const socket of io.of('/').sockets.values()) socket.conn.close()
}
