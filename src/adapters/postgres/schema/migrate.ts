/*
 * Forward-only migrations: the files /migrations/NNNN_name.sql, and /migrations/engine/NNNN_name.sql for the engine's
 * tables. Each runs in its own transaction, in order.
 *
 * Any number of processes may start at once. Each file's transaction takes the same advisory lock and then checks
 * whether the file was applied. So nothing is held between files, and transaction poolers do no harm.
 *
 * During a rollout processes of the old release may start on the newer schema. They start with a warning, so every
 * migration must leave the schema usable by the release before it.
 */
import pg from 'pg'
import { CLIENT_TIMEOUT_MS } from '../connection/bounded-pool.js'
import { type ConnectOptions, createDatabase } from '../connection/database.js'
import { DEFAULT_SCHEMA, schemaIdentifier } from '../connection/engine-schema.js'
import type { Log } from '../connection/log.js'
import { assertSupportedVersion, UnsupportedPostgresError } from '../connection/server-version.js'
import { asUnavailable, failureOf, isLockTimeout, orUnavailable } from '../connection/sqlstate.js'
import {
  type Migration,
  type MigrationGroup,
  PRODUCT_SCHEMA,
  productMigrations,
  readEngineMigrations,
  readMigrations,
  readProductMigrations,
} from './migration-files.js'

/** A connection string is connected and closed here. A client or pool stays open; it belongs to the caller. */
export type MigrationTarget = string | pg.Client | pg.Pool

export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** The number of the advisory lock, "load" in hexadecimal. No other use in this database may have it. */
const ADVISORY_LOCK = 0x6c6f6164

/** For callers without a log. */
const quiet: Log = { info() {}, warn() {} }

/**
 * While a file waits for a table's lock, every statement on that table waits behind it. So the file gives up soon, is
 * rolled back, and retries after a pause in which the waiting statements finish.
 */
const LOCK_TIMEOUT_MS = 100
const LOCK_PAUSE_MS = 400
/** A minute in all. After that the lock is held by something that will not release it soon, such as a backup. */
const LOCK_ATTEMPTS = 120

/**
 * Statements of a migration are some milliseconds apart. A process that is paused between two must not keep its locks.
 */
const IDLE_TIMEOUT_MS = 30_000

/**
 * Removes time limits for a migration. The limits of the role or the database are meant for short statements; behind a
 * pooler they are set there, since sessions cannot bring their own. `transaction_timeout` exists from Postgres 17 on.
 */
const BEGIN = `
begin;
set local statement_timeout = 0;
set local lock_timeout = 0;
set local idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS};
select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout'`

const recordOf = ({ schema, record }: MigrationGroup) => `${schemaIdentifier(schema)}.${record}`

/** `create schema if not exists` needs a privilege that a role may lack even if the schema exists. */
const createRecord = (group: MigrationGroup) => `
do $$ begin
  if to_regnamespace('${group.schema}') is null then create schema ${schemaIdentifier(group.schema)}; end if;
end $$;
create table if not exists ${recordOf(group)} (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
)`

interface MigrateOptions {
  readonly log?: Log
}

/**
 * Creates the engine's tables in `schema` or updates them to this release, and touches nothing else. Returns the names
 * of the applied files. Throws like `migrate`, and an `Error` if the name cannot be a schema's.
 */
export async function migrateEngine(
  target: MigrationTarget,
  { log = quiet, schema = DEFAULT_SCHEMA }: MigrateOptions & { readonly schema?: string } = {},
): Promise<string[]> {
  schemaIdentifier(schema)
  return migrateGroups(target, [await readEngineMigrations(schema)], log)
}

/**
 * Applies the files of the product and of the engine that were not applied yet. Returns their names, in order. With
 * `folder` only the files of that folder.
 * Throws a `MigrationError` if an applied file has changed, if a file would have to run before an applied one, or if a
 * file fails. The failed file is rolled back; those before it stay. Throws a `StoreUnavailableError` if the database is
 * unavailable or the connection is lost; the call may then be repeated. Throws an `UnsupportedPostgresError` if the
 * server is too old.
 */
export async function migrate(
  target: MigrationTarget,
  { log = quiet, folder }: MigrateOptions & { readonly folder?: string } = {},
): Promise<string[]> {
  const groups =
    folder === undefined ? await readProductMigrations() : [productMigrations(await readMigrations(folder))]
  return migrateGroups(target, groups, log)
}

async function migrateGroups(
  target: MigrationTarget,
  groups: readonly MigrationGroup[],
  log: Log,
): Promise<string[]> {
  return withClient(target, {}, async client => {
    await assertSupportedVersion(client, log)
    const applied: string[] = []
    for (const group of groups) {
      const { pending, unknown } = await inLockedTransaction(client, log, async () => {
        await client.query(createRecord(group))
        return compare(group, await readApplied(client, group))
      })
      if (unknown.length > 0) {
        log.warn(
          `The database has migrations that this release does not know (${unknown.join(', ')}): it is newer.`,
        )
      }
      for (const migration of group.migrations.filter(({ name }) => pending.includes(name))) {
        if (await apply(client, migration, group, log)) applied.push(nameIn(group, migration.name))
      }
    }
    if (applied.length === 0) log.info('The database schema is up to date.')
    return applied
  })
}

const nameIn = ({ schema }: MigrationGroup, name: string) =>
  schema === PRODUCT_SCHEMA ? name : `${schema}/${name}`

/** The names of the files that were not applied, in order. Throws like `migrate`. */
export async function pendingMigrations(
  target: MigrationTarget,
  given?: readonly MigrationGroup[],
): Promise<string[]> {
  const groups = given ?? (await readProductMigrations())
  return withClient(target, { query_timeout: CLIENT_TIMEOUT_MS }, async client => {
    const pending: string[] = []
    for (const group of groups) {
      const { rows } = await client.query('select to_regclass($1) is not null as exists', [recordOf(group)])
      const applied = rows[0].exists ? await readApplied(client, group) : new Map<string, string>()
      pending.push(...compare(group, applied).pending.map(name => nameIn(group, name)))
    }
    return pending
  })
}

/** Applies one file. Returns false if another process applied it in the meantime. */
async function apply(
  client: Queryable,
  migration: Migration,
  group: MigrationGroup,
  log: Log,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await applyOnce(client, migration, group, log)
    } catch (error) {
      const isLocked = error instanceof MigrationError && isLockTimeout(error.cause)
      if (!isLocked || attempt === LOCK_ATTEMPTS) throw error
      if (attempt === 1) log.info(`Migration ${migration.name} waits for a lock.`)
      await new Promise(resolve => setTimeout(resolve, LOCK_PAUSE_MS))
    }
  }
}

async function applyOnce(
  client: Queryable,
  migration: Migration,
  group: MigrationGroup,
  log: Log,
): Promise<boolean> {
  return inLockedTransaction(client, log, async () => {
    if (!compare(group, await readApplied(client, group)).pending.includes(migration.name)) return false
    log.info(`Migration ${migration.name} …`)
    const start = Date.now()
    try {
      await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
      await client.query(`set local search_path = ${schemaIdentifier(group.schema)}`)
      await client.query(migration.sql)
    } catch (cause) {
      if (failureOf(cause) === 'away') throw cause
      throw new MigrationError(`Migration ${migration.name} failed and was rolled back: ${cause}`, { cause })
    }
    await client.query(`insert into ${recordOf(group)} (name, checksum) values ($1, $2)`, [
      migration.name,
      migration.checksum,
    ])
    log.info(`Migration ${migration.name} applied in ${Date.now() - start} ms.`)
    return true
  })
}

function compare(
  { migrations }: MigrationGroup,
  applied: ReadonlyMap<string, string>,
): { pending: string[]; unknown: string[] } {
  const known = new Set(migrations.map(({ name }) => name))
  const lastApplied = [...applied.keys()].filter(name => known.has(name)).at(-1)
  const pending: string[] = []
  for (const { name, checksum } of migrations) {
    const appliedChecksum = applied.get(name)
    if (appliedChecksum === checksum) continue
    if (appliedChecksum !== undefined) {
      throw new MigrationError(
        `Migration ${name} has changed since it was applied. Migrations are forward-only: restore the file and put the change into a new one.`,
      )
    }
    if (lastApplied !== undefined && name < lastApplied) {
      throw new MigrationError(
        `Migration ${name} comes before ${lastApplied}, which is applied already. Give it the next number.`,
      )
    }
    pending.push(name)
  }
  return { pending, unknown: [...applied.keys()].filter(name => !known.has(name)) }
}

type Queryable = pg.Client | pg.PoolClient

/** Name → checksum, in the order of the names. */
async function readApplied(client: Queryable, group: MigrationGroup): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `select name, checksum from ${recordOf(group)} order by name collate "C"`,
  )
  return new Map(rows.map(({ name, checksum }) => [name, checksum]))
}

async function inLockedTransaction<T>(client: Queryable, log: Log, work: () => Promise<T>): Promise<T> {
  await client.query(BEGIN)
  try {
    const { rows } = await client.query(`select pg_try_advisory_xact_lock(${ADVISORY_LOCK}) as taken`)
    if (!rows[0].taken) {
      log.info('Another process is migrating this database; waiting for it.')
      await client.query(`select pg_advisory_xact_lock(${ADVISORY_LOCK})`)
    }
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {}) // if the connection is lost, the server rolls back by itself
    throw error
  }
}

async function withClient<T>(
  target: MigrationTarget,
  options: ConnectOptions,
  work: (client: Queryable) => Promise<T>,
): Promise<T> {
  const { client, release } = await orUnavailable(connect(target, options))
  try {
    return await work(client)
  } catch (error) {
    if (error instanceof MigrationError || error instanceof UnsupportedPostgresError) throw error
    throw asUnavailable(error)
  } finally {
    await release()
  }
}

async function connect(
  target: MigrationTarget,
  options: ConnectOptions,
): Promise<{ client: Queryable; release(): Promise<void> }> {
  if (typeof target === 'string') {
    const client = await createDatabase(target).connect({ ...options, application_name: 'loadcast migrate' })
    return { client, release: () => client.end() }
  }
  if (!(target instanceof pg.Pool)) return { client: target, async release() {} }
  const client = await target.connect()
  return { client, release: async () => client.release() }
}
