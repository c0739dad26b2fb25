/*
 * A primary and a physical streaming standby behind one stable address. The embedded package brings no pg_basebackup:
 * the base backup is made by the SQL functions and a copy of the data folder.
 */
import { execFile } from 'node:child_process'
import { appendFile, chown, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { USER } from '../../../src/adapters/postgres/embedded/cluster.js'
import type { Place } from '../../../src/adapters/postgres/embedded/place.js'
import { until } from '../engine/engine.js'
import { createServer, findPlace, type PostgresServer, startPostgres } from './postgres-server.js'
import { type Switch, startSwitch } from './switch.js'

const run = promisify(execFile)
const PATIENCE_MS = 60_000

export interface Pair {
  readonly primary: PostgresServer
  readonly standby: PostgresServer
  /** Leads to the primary, and after a failover to the former standby. */
  readonly connectionString: string
  /** Resolves when the standby has every commit of the primary. */
  caughtUp(): Promise<void>
  /** Cuts the standby off: later writes that the primary acknowledges are lost in a failover. */
  cutReplication(): void
  /** The primary dies, the standby is promoted, and the address leads to it. */
  failOver(): Promise<void>
  /** The two halves of a failover. Until the promotion, the address leads to a server that only reads. */
  losePrimary(): Promise<void>
  promote(): Promise<void>
  /**
   * A planned switch-over: the primary becomes read-only, the standby catches up and is promoted, and new connections go to
   * it. Open connections still lead to the former primary, which serves reads.
   */
  switchOver(): Promise<void>
  close(): Promise<void>
}

export async function startPair({ isSynchronous }: { readonly isSynchronous: boolean }): Promise<Pair> {
  const primary = await startPostgres()
  const replication = await startSwitch(primary.port)
  const standby = await startStandby(primary, replication)
  if (isSynchronous) {
    await primary.query("alter system set synchronous_standby_names = '*'")
    await primary.query('select pg_reload_conf()')
    await until(async () => (await primary.query(syncSql)).length === 1, PATIENCE_MS)
  }
  const front = await startSwitch(primary.port)
  const url = new URL(primary.connectionString)
  url.port = String(front.port)

  async function caughtUp(): Promise<void> {
    const [row] = await primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await until(async () => {
      const [found] = await standby.query<{ there: boolean }>(replayedSql, [row?.lsn])
      return found?.there === true
    }, PATIENCE_MS)
  }

  const promote = async () => void (await standby.query('select pg_promote(true, 60)'))

  return {
    primary,
    standby,
    connectionString: url.href,
    caughtUp,
    cutReplication: () => replication.lead(undefined),
    async failOver() {
      front.lead(undefined)
      await primary.end('SIGKILL')
      await promote()
      front.lead(standby.port)
    },
    async losePrimary() {
      await primary.end('SIGKILL')
      front.lead(standby.port)
    },
    promote,
    async switchOver() {
      await primary.query('alter system set default_transaction_read_only = on')
      await primary.query('select pg_reload_conf()')
      // Transactions that wrote before may still commit.
      await until(async () => (await primary.query(writingSql)).length === 0, PATIENCE_MS)
      await caughtUp()
      await promote()
      front.leadNewOnes(standby.port)
    },
    async close() {
      await Promise.all([front.close(), replication.close()])
      await Promise.all([primary.end('SIGKILL'), standby.end('SIGKILL')])
    },
  }
}

const syncSql = "select from pg_stat_replication where sync_state = 'sync'"
const writingSql = 'select from pg_stat_activity where backend_xid is not null'
const replayedSql = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as there'

async function startStandby(primary: PostgresServer, { port }: Switch): Promise<PostgresServer> {
  const { place, binaries } = await findPlace()
  await run('cp', ['-a', primary.place.passwordFile, place.passwordFile])
  const label = await copyData(primary, place)
  const conninfo = `host=127.0.0.1 port=${port} user=${USER} password=${primary.password}`
  await appendFile(join(place.data, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
  await writeOwned(place, 'backup_label', label)
  await writeOwned(place, 'standby.signal', '')
  const standby = await createServer(place, binaries, {})
  await standby.start()
  await until(
    async () =>
      (await primary.query("select from pg_stat_replication where state = 'streaming'")).length === 1,
    PATIENCE_MS,
  )
  return standby
}

/** Copies the data folder of a running server; returns the label that makes the copy usable. */
async function copyData({ place: { data }, connectionString }: PostgresServer, to: Place): Promise<string> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query("select pg_backup_start('standby', true)")
    await run('cp', ['-a', data, to.data])
    await rm(join(to.data, 'postmaster.pid'))
    // The log comes by streaming, from where the backup began.
    const log = join(to.data, 'pg_wal')
    for (const name of await readdir(log)) {
      if (/^[0-9A-F]{24}$/.test(name)) await rm(join(log, name))
    }
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    return rows[0]?.labelfile ?? ''
  } finally {
    await client.end()
  }
}

async function writeOwned({ data, account }: Place, name: string, text: string): Promise<void> {
  const file = join(data, name)
  await writeFile(file, text)
  if (account !== undefined) await chown(file, account.uid, account.gid)
}
