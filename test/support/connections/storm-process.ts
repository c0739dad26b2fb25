/*
 * A process that repeatedly uses the database in every way that Loadcast does, until its standard input ends. Then it waits
 * for each kind of work to succeed once more and prints the successes and failures. `plain` uses the connections of `pg`,
 * to show that the storm would end a process.
 *
 * storm-process.ts loadcast|plain <connection string>
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { createDatabase } from '../../../src/adapters/postgres/connection/database.js'
import { query } from '../../../src/adapters/postgres/connection/query.js'
import { createQueryPool } from '../../../src/adapters/postgres/connection/query-pool.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { createWakeups } from '../../../src/adapters/postgres/engine/wakeups.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { silentLog } from '../engine/log.js'

const [kind = '', connectionString = ''] = process.argv.slice(2)
const quiet = { warn() {}, debug() {} } as never

interface Work {
  readonly run: Readonly<Record<string, () => Promise<unknown>>>
  close(): Promise<unknown>
}

function loadcast(): Work {
  const database = createDatabase(connectionString)
  const pool = createQueryPool(database, quiet)
  const store = createPostgresStore({ connectionString, database, log: quiet })
  const listener = createWakeups({ connectionString, database, log: quiet })
  const announcer = createWakeups({ connectionString, database, log: quiet })
  let heard = 0
  listener.listen(() => {
    heard += 1
  })
  return {
    run: {
      query: () => query(pool, 'select 1', []),
      clock: () => store.now(),
      lease: () => store.leaseTimers([{ machine: 'none', version: 1 }], { limit: 1, leaseMs: 1, aheadMs: 0 }),
      transaction: () => store.announceProcess({ id: crypto.randomUUID(), versions: new Map() }, 1),
      migration: () => migrate(connectionString, { log: silentLog }),
      async checkout() {
        const client = await pool.connect()
        await delay(1)
        try {
          await client.query('select 1')
        } finally {
          client.release()
        }
      },
      async connection() {
        const client = await database.connect({})
        try {
          await client.query('select 1')
        } finally {
          await client.end()
        }
      },
      async wakeup() {
        const before = heard
        announcer.announce(Date.now())
        await delay(100)
        if (heard === before) throw new Error('not heard')
      },
    },
    close: () => Promise.all([pool.end(), store.close(), listener.close(), announcer.close()]),
  }
}

function plain(): Work {
  const pool = new pg.Pool({ connectionString }).on('error', () => {})
  return {
    run: {
      async checkout() {
        const client = await pool.connect()
        client.on('error', () => {})
        await client.query('select 1').finally(() => client.release(true))
      },
    },
    close: () => pool.end(),
  }
}

const work = kind === 'plain' ? plain() : loadcast()
const counts = Object.fromEntries(
  Object.keys(work.run).map(name => [name, { done: 0, failed: 0, resumed: 0 }]),
)
let isOver = false
process.stdin.resume()
once(process.stdin, 'end').then(() => {
  isOver = true
})

await Promise.all(
  Object.entries(work.run).map(async ([name, run]) => {
    const count = counts[name]
    // Two lanes of each kind, which share the pools.
    const lane = async () => {
      while (count !== undefined && !(isOver && count.resumed > 0)) {
        const begunAfter = isOver
        try {
          await run()
          count.done += 1
          if (begunAfter) count.resumed += 1
        } catch {
          count.failed += 1
          await delay(1)
        }
      }
    }
    await Promise.all([lane(), lane()])
  }),
)
await work.close()
process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0))
