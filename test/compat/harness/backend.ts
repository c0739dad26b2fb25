/*
 * Where the durable runs store what they write. Each case has a lane: a view of the store whose time stands still until
 * the harness lets it pass, and which counts the events that were written, so that their delivery can be waited for.
 */
import type pg from 'pg'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { InstanceWrite, Store, StoredTimer } from '../../../src/runtime/ports.js'
import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { type Texts, textsOfEmitted } from './case.js'

export interface Lane {
  readonly store: Store
  /** Milliseconds since the epoch, in the past. */
  now(): number
  /** The committed events, as readers find them. */
  readonly written: readonly Texts[]
  pass(ms: number): Promise<void>
}

export interface Backend {
  readonly name: string
  lane(): Lane
}

/** Every lane has its own database, whose clock the harness moves. */
export function memoryBackend(): Backend {
  return {
    name: 'memory',
    lane() {
      let now = startOfTime()
      const written: Texts[] = []
      const database = new MemoryDatabase(
        () => now,
        write => void written.push(...eventsOf(write)),
      )
      const store = createMemoryStore({ database })
      return {
        store: {
          ...store,
          // What is nearly due would be waited for, and time stands still.
          leaseTimers: (known, options) => store.leaseTimers(known, { ...options, aheadMs: 0 }),
        },
        now: () => now,
        written,
        async pass(ms) {
          now += ms
        },
      }
    },
  }
}

const eventsOf = ({ events }: InstanceWrite) =>
  events.map(({ type, audience, payload }) =>
    textsOfEmitted(JSON.parse(JSON.stringify({ type, audience, ...payload }))),
  )

/** A day ago: what is due in virtual time is overdue for the database, whose clock cannot be moved. */
const startOfTime = () => Date.now() - 86_400_000

/** Timers that are not due yet in virtual time lie this far in the future, where the database leaves them alone. */
const FAR_MS = 10 * 365 * 86_400_000

/** All lanes share one database, and its connections; every engine still has to read whatever it wants to know. */
export function postgresBackend({
  connectionString,
  pool,
}: {
  readonly connectionString: string
  readonly pool: pg.Pool
}): Backend & { close(): Promise<void> } {
  const shared = createPostgresStore({ connectionString })
  return {
    name: 'Postgres',
    close: () => shared.close(),
    lane() {
      let now = startOfTime()
      const written: Texts[] = []
      const instances = new Set<string>()
      const putOff = (timer: StoredTimer): StoredTimer =>
        timer.dueAt > now ? { ...timer, dueAt: timer.dueAt + FAR_MS } : timer
      const store: Store = {
        ...shared,
        now: async () => now,
        async commit(writes, leaseMs) {
          for (const { row } of writes) instances.add(row.id)
          const results = await shared.commit(
            writes.map(write => ({ ...write, timersSet: write.timersSet.map(putOff) })),
            leaseMs,
          )
          for (const [i, write] of writes.entries()) {
            if (results[i]?.kind === 'moved') written.push(...eventsOf(write))
          }
          return results
        },
        armTimers: (instance, version, timers) => shared.armTimers(instance, version, timers.map(putOff)),
        async leaseTimers(known, options) {
          return { ...(await shared.leaseTimers(known, options)), nextDueAt: undefined }
        },
        close: async () => {},
      }
      return {
        store,
        now: () => now,
        written,
        async pass(ms) {
          now += ms
          // Not where a timer is parked: it is due at infinity.
          await pool.query(
            `update ${await timersTable(pool)} set due_at = due_at - $2::float8 * interval '1 millisecond'
             where instance = any($1::uuid[]) and due_at > now() and due_at < 'infinity'
               and due_at <= to_timestamp(($3::float8 + $2::float8) / 1000)`,
            [[...instances], FAR_MS, now],
          )
        },
      }
    },
  }
}

/** With its schema, wherever the engine keeps its tables. */
async function timersTable(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ name: string }>(
    "select quote_ident(schemaname) || '.timers' as name from pg_tables where tablename = 'timers'",
  )
  const [row] = rows
  if (row === undefined) throw new Error('The database has no table of timers')
  return row.name
}
