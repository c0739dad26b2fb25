/*
 * Three times the calls that a process can serve: it serves what it can, and refuses the others at once with a time to
 * retry.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { type Call, type Customers, createCustomers, MAX_CONNECTIONS } from '../support/server/customers.js'
import { figureOf } from '../support/server/metrics.js'
import { environmentForLoad, findViolations } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const OVERLOAD_SECONDS = isLong ? 60 : 10
const AT_ONCE = 64
const OVERLOAD = 3
/** More than can be waiting for a connection at the end. */
const CUSTOMERS = 20_000
/** Of `src/adapters/http/admission.ts`. */
const MOST_UNDER_WAY = 2_000
/** What the collector leaves lying about: its young generation alone may take 200 MB. */
const FLAT_MB = 250

/** Several rounds. */
const OVERLOADED_WITHIN_MS = OVERLOAD_SECONDS * 6_000

let database: TestDatabase
let server: ServerProcess
let customers: Customers

beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServerProcess(environmentForLoad(database.connectionString))
  customers = await createCustomers(server.url, CUSTOMERS)
})

afterAll(async () => {
  await customers?.close()
  await server?.end('SIGTERM')
  await database?.drop()
})

const gauge = (name: string) => figureOf(server.url, name)
const done = (calls: readonly Call[]) => calls.filter(({ status }) => status !== 503)
const refused = (calls: readonly Call[]) => calls.filter(({ status }) => status === 503)

test(`R10.4 ${OVERLOAD} times the calls that can be served, for ${OVERLOAD_SECONDS} s`, async () => {
  await customers.atTheirPace(MAX_CONNECTIONS, 3)
  let rate = 0
  let calls: readonly Call[] = []
  let seen: { underWay: number; limit: number; residentMb: number }[] = []
  // Again if the machine became faster or slower meanwhile: then there were not the calls of an overload, or too few.
  await until(async () => {
    const usual = await customers.atTheirPace(AT_ONCE, 3)
    expect(refused(usual)).toEqual([])
    rate = usual.length / 3
    seen = []
    calls = await customers.evenly(rate * OVERLOAD, OVERLOAD_SECONDS, async () => {
      seen.push({
        underWay: await gauge('loadcast_http_requests_under_way'),
        limit: await gauge('loadcast_http_requests_limit'),
        residentMb: (await gauge('process_resident_memory_bytes')) / 1024 / 1024,
      })
    })
    return calls.length > rate * 2 * OVERLOAD_SECONDS && refused(calls).length > 0
  }, OVERLOADED_WITHIN_MS)

  // Each call is answered, or `evenly` would have rejected. Every refusal says when to retry.
  expect(new Set(refused(calls).map(({ retryAfter }) => retryAfter))).toEqual(new Set(['1']))
  // It continues to work. Refusals cost something, and so do the customers on the same processors.
  expect(done(calls).length / OVERLOAD_SECONDS).toBeGreaterThan(rate / 5)
  // Queues are bounded, and memory does not grow with refused calls.
  expect(Math.max(...seen.map(({ underWay }) => underWay))).toBeLessThanOrEqual(MOST_UNDER_WAY)
  expect(Math.min(...seen.map(({ limit }) => limit))).toBeLessThan(MOST_UNDER_WAY)
  const third = seen[Math.floor(seen.length / 3)]?.residentMb ?? 0
  expect(Math.max(...seen.map(({ residentMb }) => residentMb)) - third).toBeLessThan(FLAT_MB)

  // It recovers without help.
  await until(async () => {
    const after = await customers.atTheirPace(AT_ONCE, 1)
    return refused(after).length === 0 && (await gauge('loadcast_http_requests_limit')) === MOST_UNDER_WAY
  })
  expect(await findViolations(database.connectionString)).toEqual([])
})
