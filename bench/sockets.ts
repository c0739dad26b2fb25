/*
 * Measures sockets across processes, with real processes, a Postgres and a Redis of its own:
 *
 *   npm run bench:sockets                  both parts
 *   npm run bench:sockets -- latency [500] time from the commit on process A to a socket on process B, at this many
 *                                          events a second
 *   npm run bench:sockets -- memory        memory of an idle socket, compared with a bare Socket.IO server
 *
 * Latency counts from `recorded_at`, which the database sets inside the commit's statement, so the commit is included.
 * The same event on a socket of process A is measured too. The difference is the way through Redis.
 */
import { processEnvironment } from '../test/support/server/server.js'
import { type ServerProcess, startServerProcess } from '../test/support/server/server-process.js'
import { EVENTS_PER_SECOND, measureLatency } from './socket-latency.js'
import { measureMemory } from './socket-memory.js'
import { openWorld } from './world.js'

async function main(parts: readonly string[], rate: number): Promise<void> {
  const world = await openWorld()
  const { connectionString } = await world.createDatabase()
  const environment = {
    ...processEnvironment,
    DATABASE_URL: connectionString,
    REDIS_URL: await world.redisUrl(),
    LOG_LEVEL: 'error',
  }
  const started: ServerProcess[] = []
  const start = async () => {
    const server = await startServerProcess(environment)
    started.push(server)
    return server
  }
  try {
    if (parts.includes('memory')) await measureMemory(await start())
    if (parts.includes('latency')) {
      const [a, b] = [await start(), await start()]
      await measureLatency(a, b, connectionString, rate)
    }
  } finally {
    await Promise.all(started.map(server => server.end('SIGTERM')))
    await world.end()
  }
}

const [part, rate = String(EVENTS_PER_SECOND)] = process.argv.slice(2)
await main(part === undefined ? ['memory', 'latency'] : [part], Number(rate))
process.exit(0)
