/*
 * Sends three times as many creates and cancels over HTTP as the server handles from 64 callers at a time. It measures the
 * accepted calls, how soon the others are refused, the memory, and how soon the server is back to normal.
 */
import { percentile } from '../../demo/figures.js'
import {
  type Call,
  type Customers,
  createCustomers,
  MAX_CONNECTIONS,
} from '../../test/support/server/customers.js'
import { figureOf } from '../../test/support/server/metrics.js'
import { environmentForLoad } from '../../test/support/server/server.js'
import { startServerProcess } from '../../test/support/server/server-process.js'
import { BYTES_PER_MB } from '../measure.js'
import type { Measured } from '../report/figure.js'
import { assertNoViolations } from './audited.js'
import type { Context, Outcome, Part } from './part.js'

const OVERLOAD = 3
/** The least share of the calls that the customers must really send. With fewer, it would be another measurement. */
const LEAST_CAME = 0.95
const SECONDS = 60
const QUICK_SECONDS = 10
const USUAL_SECONDS = 5
const AT_ONCE = 64
const CUSTOMERS = 20_000
/** By then the server has noticed the overload, and has finished the calls that it had accepted before. */
const SETTLED_AFTER_MS = 6_000
const RECOVERY_LOOKS = 60

export const overload: Part = {
  id: 'overload',
  title: 'overload: three times what the server takes',
  steps: () => 4,
  run,
}

async function run({ world, size, step }: Context): Promise<Outcome> {
  const seconds = size.isQuick ? QUICK_SECONDS : SECONDS
  const database = await world.createDatabase()
  step('overload: customers, and a server')
  const server = await startServerProcess(environmentForLoad(database.connectionString))
  const customers = await createCustomers(server.url, CUSTOMERS)
  await customers.atTheirPace(MAX_CONNECTIONS, USUAL_SECONDS)
  const usual = await customers.atTheirPace(AT_ONCE, USUAL_SECONDS)
  const rate = usual.length / USUAL_SECONDS
  step(`overload: ${Math.round(rate * OVERLOAD)} calls a second for ${seconds} s`)
  const residentMb: number[] = []
  const calls = await customers.evenly(rate * OVERLOAD, seconds, async () => {
    residentMb.push((await figureOf(server.url, 'process_resident_memory_bytes')) / BYTES_PER_MB)
  })
  const came = calls.length / (rate * OVERLOAD * seconds)
  if (came < LEAST_CAME) throw new Error(`overload: only ${Math.round(came * 100)} % of the calls came`)
  step('overload: back to normal')
  const recoveredAfter = await secondsUntilNormal(customers)
  await customers.close()
  await server.end('SIGTERM')
  step('overload: auditing')
  await assertNoViolations(database)
  await database.drop()
  return { measured: figuresOf({ usual, rate, calls, seconds, residentMb, recoveredAfter }) }
}

async function secondsUntilNormal(customers: Customers): Promise<number> {
  const begunAt = performance.now()
  for (let look = 0; look < RECOVERY_LOOKS; look++) {
    const calls = await customers.atTheirPace(AT_ONCE, 0.5)
    if (calls.every(isDone)) return (performance.now() - begunAt) / 1000
  }
  throw new Error('overload: calls are still refused half a minute later')
}

interface Overload {
  readonly usual: readonly Call[]
  /** Calls a second, with 64 at a time. */
  readonly rate: number
  readonly calls: readonly Call[]
  readonly seconds: number
  readonly residentMb: readonly number[]
  readonly recoveredAfter: number
}

function figuresOf({ usual, rate, calls, seconds, residentMb, recoveredAfter }: Overload): Measured[] {
  const settled = calls.filter(({ sentAt }) => sentAt > SETTLED_AFTER_MS)
  const done = calls.filter(isDone)
  const [settledDone, refused] = [settled.filter(isDone), settled.filter(call => !isDone(call))]
  const third = residentMb[Math.floor(residentMb.length / 3)] ?? Number.NaN
  const one = (value: number | undefined) => [value ?? Number.NaN]
  const beside = (share: number) => ({ what: `${AT_ONCE} at a time`, values: one(ms(usual, share)) })
  return [
    {
      key: 'overload',
      what: 'calls done while three times as many come',
      unit: '/s',
      values: [done.length / seconds],
      beside: { what: `${AT_ONCE} at a time`, values: [rate] },
    },
    {
      key: 'overload.p50',
      what: 'p50 of those',
      unit: 'ms',
      values: one(ms(settledDone, 0.5)),
      beside: beside(0.5),
    },
    {
      key: 'overload.p99',
      what: 'p99 of those',
      unit: 'ms',
      values: one(ms(settledDone, 0.99)),
      beside: beside(0.99),
    },
    {
      key: 'overload.refused',
      what: 'p99 until the others hear 503',
      unit: 'ms',
      values: one(ms(refused, 0.99)),
    },
    {
      key: 'overload.memory',
      what: 'growth of resident memory in the last two thirds',
      unit: 'MB',
      values: [Math.max(...residentMb) - third],
    },
    { key: 'overload.over', what: 'until nothing is refused any more', unit: 's', values: [recoveredAfter] },
  ]
}

const isDone = ({ status }: Call) => status < 300
const ms = (calls: readonly Call[], share: number) =>
  percentile(
    calls.map(call => call.ms),
    share,
  )
