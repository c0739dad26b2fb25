/*
 * Sockets across processes, on real processes, Postgres and Redis of this run's own:
 *
 *   npm run bench:sockets                  both parts
 *   npm run bench:sockets -- latency [500] how long from the commit on process A to a socket on process B, at so many
 *                                          events a second
 *   npm run bench:sockets -- memory        what an idle socket costs, beside one of a bare Socket.IO server
 *
 * Latency counts from `recorded_at`, which the database takes inside the commit's statement: the commit itself is in it.
 * The same event on a socket of process A itself is measured beside it; the difference is the way through Redis.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { migrate } from '../src/adapters/postgres/migrate.js'
import { startRedisServer } from '../test/support/redis-server.js'
import { processEnvironment } from '../test/support/server.js'
import { type ServerProcess, startServerProcess } from '../test/support/server-process.js'
import { FOLDER_VARIABLE } from '../test/support/temporary-folder.js'
import { EVENTS_PER_SECOND, measureLatency } from './socket-latency.js'
import { measureMemory } from './socket-memory.js'

const log = { info() {}, warn: (message: string) => console.error(message) }

async function main(parts: readonly string[], rate: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'loadcast-bench-'))
  process.env[FOLDER_VARIABLE] = folder
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log })
  const redis = await startRedisServer()
  const started: ServerProcess[] = []
  try {
    await migrate(postgres.connectionString, { log })
    const environment = {
      ...processEnvironment,
      DATABASE_URL: postgres.connectionString,
      REDIS_URL: redis.url,
      LOG_LEVEL: 'error',
    }
    const start = async () => {
      const server = await startServerProcess(environment)
      started.push(server)
      return server
    }
    if (parts.includes('memory')) await measureMemory(await start())
    if (parts.includes('latency')) {
      const [a, b] = [await start(), await start()]
      await measureLatency(a, b, postgres.connectionString, rate)
    }
  } finally {
    await Promise.all(started.map(server => server.end('SIGTERM')))
    await redis.stop()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const [part, rate = String(EVENTS_PER_SECOND)] = process.argv.slice(2)
await main(part === undefined ? ['memory', 'latency'] : [part], Number(rate))
process.exit(0)
