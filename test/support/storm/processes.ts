/* Several processes of the program on one Postgres and one Redis, and calls to any that is up. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Role } from '../../../src/dispatch/person.js'
import { createTestDatabase, type TestDatabase } from '../database/postgres.js'
import { isOverdue } from '../engine/pace.js'
import { type RedisServer, startRedisServer } from '../redis/redis-server.js'
import { type Answer, call } from '../server/clients.js'
import { processEnvironment } from '../server/server.js'
import { type ServerProcess, startServerProcess } from '../server/server-process.js'
import { tokenFor } from '../server/tokens.js'

export interface Processes {
  readonly connectionString: string
  readonly redis: RedisServer
  /** The URLs of running processes. */
  readonly urls: readonly string[]
  query<T extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<T[]>
  /** Kills a process with SIGKILL, whatever it is doing. */
  kill(which: number): Promise<void>
  /** Starts another process in its place. */
  revive(which: number): Promise<void>
  /** Like a deployment: starts another process in its place and tells the old one to end. Returns the old one's exit code. */
  replace(which: number): Promise<number | NodeJS.Signals | undefined>
  /** Calls any process as this user. A change is retried with the same key until there is an answer. */
  call(user: User, method: string, path: string, body?: unknown): Promise<Answer>
  /** Logged errors and defects, except those of a machine that is only too busy. */
  faults(): readonly string[]
  close(): Promise<void>
}

export interface User {
  readonly id: string
  readonly role: Role
}

/** Longer than the replacement of a killed process takes. */
const ANSWERED_WITHIN_MS = 30_000
const TRY_EVERY_MS = 250

/**
 * `program` is that of another release. Over 70 lines because its calls and faults share the processes.
 */
export async function startProcesses(
  count: number,
  settings: Readonly<Record<string, string>>,
  given: { readonly program?: string; readonly database?: TestDatabase } = {},
): Promise<Processes> {
  const database = given.database ?? (await createTestDatabase())
  const redis = await startRedisServer()
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 4 })
  const environment = {
    ...processEnvironment,
    DATABASE_URL: database.connectionString,
    REDIS_URL: redis.url,
    ...settings,
  }
  const all: ServerProcess[] = []
  const start = async (program?: string) => {
    const started = await startServerProcess(environment, program)
    all.push(started)
    return started
  }
  const running: (ServerProcess | undefined)[] = await Promise.all(
    Array.from({ length: count }, () => start(given.program)),
  )
  const tokens = new Map<string, Promise<string>>()
  let calls = 0

  async function tokenOf({ id, role }: User): Promise<string> {
    const kept = tokens.get(id) ?? tokenFor(role, id)
    tokens.set(id, kept)
    return kept
  }

  /** A process that was told to end and has not ended. A balancer still sends requests to it. */
  let leaving: ServerProcess | undefined
  const urls = () => [...running, leaving].flatMap(one => (one === undefined ? [] : [one.url]))

  return {
    connectionString: database.connectionString,
    redis,
    get urls() {
      return urls()
    },
    query: async (sql, values = []) => (await pool.query(sql, values)).rows,
    async kill(which) {
      const dying = running[which]
      running[which] = undefined
      await dying?.end('SIGKILL')
    },
    async revive(which) {
      running[which] = await start()
    },
    async replace(which) {
      const old = running[which]
      const fresh = await start()
      leaving = old
      running[which] = fresh
      const code = await old?.end('SIGTERM')
      leaving = undefined
      return code
    },
    async call(user, method, path, body) {
      const token = await tokenOf(user)
      const number = calls++
      const headers = {
        authorization: `Bearer ${token}`,
        ...(method === 'GET' ? {} : { 'idempotency-key': `storm-${number}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      }
      const init = { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      const begunAt = performance.now()
      for (let attempt = 0; !isOverdue(begunAt, ANSWERED_WITHIN_MS); attempt++) {
        const url = urls()[(number + attempt) % Math.max(1, urls().length)]
        const answer =
          url === undefined ? undefined : await call(url, method, path, init).catch(() => undefined)
        if (answer !== undefined && answer.status !== 503 && answer.status !== 500) return answer
        await delay(TRY_EVERY_MS)
      }
      throw new Error(`No process answers ${method} ${path}`)
    },
    faults: () => all.flatMap(({ output }) => output().split('\n').filter(isFault)),
    async close() {
      const codes = await Promise.all(running.map(one => one?.end('SIGTERM')))
      await pool.end()
      await database.drop()
      await redis.stop()
      if (codes.some(code => code !== 0)) throw new Error(`Did not end in order: ${codes}`)
    },
  }
}

/** Pino's levels: 50 is an error, 60 a defect. */
const isFault = (line: string) => /"level":[56]0/.test(line) && !/did not answer|timeout exceeded/.test(line)
