/*
 * The environment of the benchmark: a Postgres and a Redis of its own, which end with it. Each part has its own database,
 * a copy of a migrated one, so that no part sees the rows of another.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { migrate } from '../src/adapters/postgres/schema/migrate.js'
import { FOLDER_VARIABLE } from '../test/support/processes/temporary-folder.js'
import { type RedisServer, startRedisServer } from '../test/support/redis/redis-server.js'

/** The most files that Postgres keeps by default (`max_wal_size`, 1 GB). */
const WAL_STOCK = 64
const WAL_FILE_MB = 16

export const quietLog = { info() {}, warn: (message: string) => console.error(message) }

export interface Database {
  readonly connectionString: string
  readonly pool: pg.Pool
  drop(): Promise<void>
}

export interface World {
  /** A folder of this run, which is deleted with it. */
  readonly folder: string
  /** A migrated, empty database. */
  createDatabase(): Promise<Database>
  /**
   * The URL of the one Redis, which is started at the first call. Throws if there is no redis-server and none can be
   * installed.
   */
  redisUrl(): Promise<string>
  /** The caller must close it. */
  connectRedis(): Promise<Redis>
  end(): Promise<void>
}

export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'loadcast-bench-'))
  process.env[FOLDER_VARIABLE] = folder
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    log: quietLog,
    settings: { min_wal_size: `${WAL_STOCK * WAL_FILE_MB}MB` },
  })
  await migrate(postgres.connectionString, { log: quietLog })
  const template = new URL(postgres.connectionString)
  const admin = openPool(withDatabase(template, 'postgres'), 1)
  await assertDurable(admin)
  await stockWal(admin)
  let made = 0
  let redis: Promise<RedisServer> | undefined
  let ended: Promise<void> | undefined

  return {
    folder,
    async createDatabase() {
      const name = `bench_${++made}`
      await admin.query(`create database ${name} template ${template.pathname.slice(1)}`)
      const connectionString = withDatabase(template, name)
      const pool = openPool(connectionString, 2)
      return {
        connectionString,
        pool,
        async drop() {
          await pool.end()
          // Without force, so it waits for sessions that are about to end.
          await admin.query(`drop database ${name}`)
        },
      }
    },
    redisUrl,
    connectRedis: async () => new Redis(await redisUrl()).on('error', () => {}),
    end() {
      ended ??= end()
      return ended
    },
  }

  async function redisUrl(): Promise<string> {
    redis ??= startRedisServer()
    return (await redis).url
  }

  async function end(): Promise<void> {
    await admin.end()
    await (await redis)?.stop()
    await postgres.stop()
    await removeData(postgres.dataDir)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes the data. If root runs Postgres, they are outside of the given folder. */
export async function removeData(dataDir: string): Promise<void> {
  await rm(dirname(dataDir), { recursive: true, force: true })
}

/** A failed run stops Postgres under open connections. Their errors are not failures of their own. */
export function openPool(connectionString: string, max: number): pg.Pool {
  return new pg.Pool({ connectionString, max }).on('error', () => {})
}

function withDatabase(server: URL, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

/**
 * A server that has run for a day writes its WAL into files that it has used before. A new server fills each file with
 * zeros first, and commits wait about 80 ms for that. It would be measured, for the engine and for the limit.
 */
async function stockWal(pool: pg.Pool): Promise<void> {
  for (let file = 0; file < WAL_STOCK; file++) {
    await pool.query("select pg_logical_emit_message(false, 'bench', 'one more file'), pg_switch_wal()")
  }
  await pool.query('checkpoint')
}

/** Without durable commits, the figures would be about something else. */
async function assertDurable(pool: pg.Pool): Promise<void> {
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const { rows } = await pool.query<Record<string, string>>(`show ${setting}`)
    if (rows[0]?.[setting] !== 'on') throw new Error(`${setting} is not on, and the figures need it`)
  }
}
