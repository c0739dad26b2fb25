/* `/health` is not ok when the database is read-only, its commits hang or its disk is full. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../../src/adapters/postgres/embedded/index.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { NO_FSYNC } from '../../support/database/no-fsync.js'
import { testBinaries } from '../../support/database/postgres-binaries.js'
import { until } from '../../support/engine/engine.js'
import { silentLog } from '../../support/engine/log.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'
import { call } from '../../support/server/clients.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'

let dataDir: string
let postgres: EmbeddedPostgres
let app: TestApp

const startPostgres = async (settings: Readonly<Record<string, string>> = {}) =>
  startEmbeddedPostgres({
    dataDir,
    log: silentLog,
    settings: { ...NO_FSYNC, ...settings },
    binaries: await testBinaries(),
  })

/** As the operator, on connections that the faults here do not affect. */
async function administer(...statements: string[]): Promise<void> {
  const options = '-c synchronous_commit=local -c default_transaction_read_only=off'
  const client = new pg.Client({ connectionString: postgres.connectionString, options })
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

/** Log lines about the intended faults are not printed. */
const startApp = () =>
  startTestApp({
    env: { LOG_LEVEL: 'silent' },
    database: { connectionString: postgres.connectionString, async drop() {} },
  })

const health = () => call(app.url, 'GET', '/health')
const becomes = (status: number, check: object) =>
  until(async () => {
    const answer = await health()
    const found = answer.body.checks.postgres
    return answer.status === status && Object.entries(check).every(([name, value]) => found[name] === value)
  })
const isWell = () => becomes(200, { status: 'ok', writes: true, room: true })

describe('R13.4 /health on a database', () => {
  beforeAll(async () => {
    dataDir = await temporaryFolder('writes')
    postgres = await startPostgres()
    await migrate(postgres.connectionString, { log: silentLog })
    app = await startApp()
  })
  afterAll(async () => {
    await app.close()
    await postgres.stop()
  })

  test('R13.4 reports that a write was committed and that there is room', async () => {
    const { status, body } = await health()
    expect([status, body]).toMatchObject([
      200,
      { checks: { postgres: { status: 'ok', writes: true, room: true, ms: expect.any(Number) } } },
    ])
  })

  test('R13.4 that is read-only is down, and ok again when it accepts writes', async () => {
    await administer('alter system set default_transaction_read_only = on', 'select pg_reload_conf()')
    await becomes(503, { status: 'down', writes: false, reason: 'read-only' })
    expect((await health()).body.checks.migrations).toMatchObject({ status: 'ok' })
    await administer('alter system reset default_transaction_read_only', 'select pg_reload_conf()')
    await isWell()
  })

  test('R13.4 whose commits wait for a missing standby is down, with only one write waiting', async () => {
    await administer("alter system set synchronous_standby_names = 'gone'", 'select pg_reload_conf()')
    await becomes(503, { status: 'down' })
    for (let asked = 0; asked < 3; asked++) await health()
    const waiting =
      "select count(*)::integer as n from pg_stat_activity where query like '%pg_logical_emit_message%' and wait_event = 'SyncRep'"
    expect(await app.query(waiting)).toEqual([{ n: 1 }])
    await administer('alter system reset synchronous_standby_names', 'select pg_reload_conf()')
    await isWell()
  })

  test('R13.4 that became a standby is down until it is promoted', async () => {
    await postgres.stop()
    await writeFile(join(postgres.dataDir, 'standby.signal'), '')
    postgres = await startPostgres()
    await becomes(503, { status: 'down', writes: false, reason: 'read-only' })
    await administer('select pg_promote()')
    await isWell()
  })
})

const whyNoDisk =
  process.platform !== 'linux' || process.getuid?.() !== 0 ? 'only root mounts one' : mountProblem()
const withDisk = whyNoDisk === undefined ? test : test.skip

describe(`a disk of its own${whyNoDisk === undefined ? '' : ` (skipped: ${whyNoDisk})`}`, () => {
  withDisk('R13.4 that is full makes /health degraded until there is room', async () => {
    // Not in the run's folder, which the next run deletes after a crash of this one: a mount stays.
    const disk = await mkdtemp(join(tmpdir(), 'loadcast-disk-'))
    mount(disk)
    try {
      await chmod(disk, 0o755)
      dataDir = join(disk, 'data')
      postgres = await startPostgres({ min_wal_size: '32MB', max_wal_size: '32MB' })
      await migrate(postgres.connectionString, { log: silentLog })
      app = await startApp()
      await isWell()
      fill(join(disk, 'ballast'))
      await becomes(200, { status: 'degraded', room: false, reason: 'disk full' })
      await rm(join(disk, 'ballast'))
      await isWell()
      await app.close()
      await postgres.stop()
    } finally {
      execFileSync('umount', ['-l', disk])
      await rm(disk, { recursive: true })
    }
  })
})

function mount(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', folder], { stdio: 'pipe' })
}

/** Fills it to the last byte, at which `dd` fails. */
function fill(file: string): void {
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=4k'], { stdio: 'pipe' })
  } catch {
    // No space left on device.
  }
}

/** Root in a container may lack the right to mount. */
function mountProblem(): string | undefined {
  const folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  try {
    mount(folder)
    execFileSync('umount', [folder])
    return undefined
  } catch {
    return 'nothing may be mounted here'
  } finally {
    execFileSync('rmdir', [folder])
  }
}
