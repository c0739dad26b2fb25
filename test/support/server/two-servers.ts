/*
 * Two processes of the program on one database of the run's Postgres. Each process has presence and rooms of its own for
 * now, so heartbeats and offers go to `home`. Requests go to either.
 */
import pg from 'pg'
import { createTestDatabase } from '../database/postgres.js'
import { until } from '../engine/engine.js'
import { findViolations, processEnvironment } from './server.js'
import { type ServerProcess, startServerProcess } from './server-process.js'

export interface TwoServers {
  readonly home: ServerProcess
  readonly other: ServerProcess
  /** The URLs of both, to use in turn. */
  readonly urls: readonly [string, string]
  /** Starts one more on the same database. */
  start(): Promise<ServerProcess>
  query<T extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<T[]>
  /** Resolves when every event has been delivered, within seconds. */
  delivered(): Promise<void>
  /** Violations of the audit, dead letters, and logged faults. Expected to be empty. */
  faults(): Promise<readonly string[]>
  /** Ends all running processes in order. Rejects if an exit code is not 0. */
  close(): Promise<void>
}

export async function startTwoServers(env: Readonly<Record<string, string>> = {}): Promise<TwoServers> {
  const database = await createTestDatabase()
  const { connectionString } = database
  const pool = new pg.Pool({ connectionString, max: 4 })
  const started: ServerProcess[] = []
  const start = async () => {
    const settings = { ...processEnvironment, DATABASE_URL: connectionString, ...env }
    const server = await startServerProcess(settings)
    started.push(server)
    return server
  }
  const [home, other] = await Promise.all([start(), start()])
  const query = async <T extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
    (await pool.query<T>(sql, values)).rows
  return {
    home,
    other,
    urls: [home.url, other.url],
    start,
    query,
    delivered: () => until(async () => (await query('select from outbox')).length === 0, 20_000),
    async faults() {
      const broken = (await findViolations(connectionString)).map(v => `${v.invariant} ${v.message}`)
      const dead = await query('select instance, subscriber, error from dead_letters')
      const logged = started.flatMap(server => server.output().split('\n').filter(isFault))
      return [...broken, ...dead.map(letter => JSON.stringify(letter)), ...logged]
    },
    async close() {
      // Processes that a test has ended return how they ended.
      const codes = await Promise.all(started.map(server => server.end('SIGTERM')))
      await pool.end()
      await database.drop()
      const bad = started.filter((_, i) => codes[i] !== 0 && codes[i] !== 'SIGKILL')
      if (bad.length > 0) throw new Error(`Did not end in order: ${codes}\n${bad.map(s => s.output())}`)
    },
  }
}

/** Pino's levels: 50 is an error, 60 a defect. */
const isFault = (line: string) => /"level":[56]0/.test(line)
