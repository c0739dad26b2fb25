import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { createWakeups } from '../../../src/adapters/postgres/engine/wakeups.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../../support/connections/pgbouncer.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { recordingLog, silentLog } from '../../support/engine/log.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

/* Behind PgBouncer: features that sessions lose, and time limits set for the role because sessions cannot set theirs. */

const behindPooler = hasPgBouncer ? describe : describe.skip

let database: TestDatabase
let sql: pg.Pool
let role: string
const opened: { close(): Promise<void> }[] = []
const poolers: PgBouncer[] = []

/** Far less than the migration takes, and less than it waits for others. */
const ROLE_TIMEOUT_MS = 150
const SLOW_MIGRATION = `select pg_sleep(${(ROLE_TIMEOUT_MS * 4) / 1000}); create table slow_SUFFIX ()`

beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 })
  role = `limited_${randomBytes(4).toString('hex')}`
  await sql.query(`create role ${role} login superuser password 'secret'`)
  for (const [name, value] of [
    ['statement_timeout', `${ROLE_TIMEOUT_MS}ms`],
    ['lock_timeout', `${ROLE_TIMEOUT_MS}ms`],
    ['idle_in_transaction_session_timeout', `${ROLE_TIMEOUT_MS}ms`],
    // It ends the session, not the statement; the control should reach the other limits first.
    ['transaction_timeout', `${ROLE_TIMEOUT_MS * 3}ms`],
  ]) {
    const { rowCount } = await sql.query('select from pg_settings where name = $1', [name])
    if (rowCount === 1) await sql.query(`alter role ${role} set ${name} = '${value}'`)
  }
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
  await Promise.all(poolers.splice(0).map(one => one.stop()))
})
afterAll(async () => {
  await sql.query(`drop owned by ${role}; drop role ${role}`)
  await sql.end()
  await database.drop()
})

function asLimitedRole(): string {
  const url = new URL(database.connectionString)
  url.username = role
  url.password = 'secret'
  return url.href
}

async function pooler(target: string, mode: 'session' | 'transaction'): Promise<string> {
  const started = await startPgBouncer(target, mode)
  poolers.push(started)
  return started.connectionString
}

async function migrateSlowly(connectionString: string, suffix: string): Promise<string[]> {
  const folder = await temporaryFolder('migrations')
  await sql.query('drop table if exists schema_migrations')
  await writeFile(join(folder, '0001_slow.sql'), SLOW_MIGRATION.replace('SUFFIX', suffix))
  return migrate(connectionString, { folder, log: silentLog })
}

describe('a role with limits for short statements', () => {
  test('is bound by them (control)', async () => {
    const client = new pg.Client({ connectionString: asLimitedRole() })
    await client.connect()
    await expect(client.query('select pg_sleep(5)')).rejects.toMatchObject({ code: '57014' })
    await client.end()
  })

  test('migrates for longer than that', async () => {
    expect(await migrateSlowly(asLimitedRole(), 'direct')).toEqual(['0001_slow.sql'])
  })

  test('waits for another migration for longer than that', async () => {
    const other = await sql.connect()
    await other.query('begin')
    await other.query(`select pg_advisory_xact_lock(${0x6c6f6164})`)
    const log = recordingLog()
    const folder = await temporaryFolder('migrations')
    const migrated = migrate(asLimitedRole(), { folder, log })
    await log.said('Another process is migrating')
    await sql.query('select pg_sleep($1)', [(ROLE_TIMEOUT_MS * 3) / 1000])
    await other.query('commit')
    other.release()
    expect(await migrated).toEqual([])
  })
})

behindPooler('through PgBouncer', () => {
  test.each(['session', 'transaction'] as const)('in %s mode a migration may take its time', async mode => {
    const through = await pooler(asLimitedRole(), mode)
    expect(await migrateSlowly(through, mode)).toEqual(['0001_slow.sql'])
  })

  const warningsOf = async (mode: 'session' | 'transaction') => {
    const warnings: string[] = []
    const log = { warn: (_: unknown, text: string) => warnings.push(text), debug() {} } as never
    const wakeups = createWakeups({ connectionString: await pooler(database.connectionString, mode), log })
    opened.push(wakeups)
    const heard: number[] = []
    await wakeups.listen(dueAt => heard.push(dueAt))
    return { warnings, wakeups, heard }
  }

  test('in session mode wake-ups work, without a warning', async () => {
    const { warnings, wakeups, heard } = await warningsOf('session')
    wakeups.announce(5_000)
    await until(() => heard.includes(5_000))
    expect(warnings).toEqual([])
  })

  test('in transaction mode LISTEN is swallowed, and one warning is logged', async () => {
    const { warnings } = await warningsOf('transaction')
    expect(warnings).toEqual([expect.stringContaining('LISTEN receives no notifications')])
    // LISTEN is retried on a new connection after the last one was closed.
    await until(() => (poolers[0]?.ended() ?? 0) >= 2)
    expect(warnings).toHaveLength(1)
  })
})
