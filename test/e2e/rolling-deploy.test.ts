import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { until } from '../support/engine/engine.js'
import { scaled } from '../support/engine/pace.js'
import { redisForTests } from '../support/redis/redis.js'
import { type Balancer, startBalancer } from '../support/rolling/balancer.js'
import { startLoad } from '../support/rolling/load.js'
import { findViolations } from '../support/server/server.js'
import { readExpected } from '../support/storm/expected.js'
import { castOf, registerFleet } from '../support/storm/people.js'
import { connectPhones, type Phone } from '../support/storm/phones.js'
import { type Processes, startProcesses } from '../support/storm/processes.js'

/*
 * A rehearsed deployment: three processes behind a balancer that polls /health are replaced one by one under load, with
 * sockets connected. Clients are only asked to reconnect, no timer is late, and in the end every phone has the events
 * of the event table.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { acceptsPerSecond: 100, customers: 40, transporters: 10, calmMs: 10_000 }
  : { acceptsPerSecond: 10, customers: 6, transporters: 8, calmMs: 2_000 }
const PROCESSES = 3
const TIMEOUT_SECONDS = 4
const TRUCKS_PER_REQUEST = isLong ? 40 : 12
/** The promise: no timer is later than this, on a quiet machine. */
const LATEST_MS = 1_000
/**
 * Where others work the processors so hard that timers are late without any deployment, they may be some times as late
 * during one, in which six processes run and three of them start.
 */
const MACHINE_FACTOR = 4
const PATIENCE_MS = 60_000

const { describeWithRedis } = await redisForTests()
const phones: Phone[] = []
let processes: Processes | undefined
let balancer: Balancer | undefined

afterAll(async () => {
  for (const phone of phones) phone.close()
  await balancer?.close()
  await processes?.close()
})

interface Lateness {
  readonly ms: number
  readonly begun: number
}

/** Of each timer that was fired: by how much it was written after it was due. */
const latenessSql = `
select distinct (extract(epoch from e.recorded_at - e.at) * 1000)::float8 as ms,
  (extract(epoch from e.at) * 1000)::float8 as begun, e.instance, e.version
from journal j join events e on e.instance = j.instance and e.version = j.version
where j.event_json->>'type' like 'xstate.after%'`

describeWithRedis('a rolling deployment under load', () => {
  test('R9.4 P2.2 fails no call, delays no timer and loses no event for any client', async () => {
    const running = await startProcesses(PROCESSES, {
      BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
      REACH_STEP_SECONDS: '0.7',
      DRAIN_SECONDS: '10',
    })
    processes = running
    const cast = castOf(size.customers, size.transporters)
    await registerFleet(running, cast)
    const front = await startBalancer(() => running.urls)
    balancer = front
    phones.push(...(await connectPhones(front.url, cast.all)))
    const load = await startLoad({
      url: front.url,
      customers: cast.customers,
      owners: cast.transporters,
      query: running.query,
      acceptsPerSecond: size.acceptsPerSecond,
      timeoutMs: TIMEOUT_SECONDS * 1_000,
      trucksPerRequest: TRUCKS_PER_REQUEST,
    })
    const begunAt = Date.now()
    await delay(size.calmMs + TIMEOUT_SECONDS * 1_000)
    const deployedAt = Date.now()
    const tripsBefore = load.trips.size
    const codes: unknown[] = []
    for (let which = 0; which < PROCESSES; which++) codes.push(await running.replace(which))
    const deploymentMs = Date.now() - deployedAt
    const tripsDuring = load.trips.size - tripsBefore
    await load.end()

    expect(codes).toEqual(Array(PROCESSES).fill(0))
    expect(load.failures).toEqual([])
    // It was under load, and the balancer did hear of it.
    expect(tripsDuring).toBeGreaterThan(size.acceptsPerSecond)
    expect(front.takenOut).toBe(PROCESSES)
    // Each accept that was acknowledged is there once, and none that was not.
    const stored = await running.query<{ id: string; status: string }>('select id, status from trips')
    expect(stored.map(({ id }) => id).sort()).toEqual([...load.trips].sort())
    expect(new Set(stored.map(({ status }) => status))).toEqual(new Set(['assigned', 'completed']))

    await until(
      async () =>
        (await running.query("select from instances where status in ('searching', 'partially_filled')"))
          .length === 0,
      PATIENCE_MS,
    )
    await until(async () => (await running.query('select from outbox')).length === 0, PATIENCE_MS)
    const fired = await running.query<Lateness & { [column: string]: unknown }>(latenessSql)
    const worst = (some: readonly Lateness[]) => Math.max(0, ...some.map(({ ms }) => ms))
    const calm = fired.filter(({ begun }) => begun >= begunAt && begun < deployedAt)
    const during = fired.filter(({ begun }) => begun >= deployedAt)
    expect(during.length).toBeGreaterThan(PROCESSES)
    expect(worst(during)).toBeLessThan(Math.max(scaled(LATEST_MS), MACHINE_FACTOR * worst(calm)))

    const { must } = await readExpected(running, cast.all)
    const missing = () =>
      phones.flatMap(({ user, heard }) => {
        const ids = new Set(heard.map(({ id }) => id))
        return [...(must.get(user.id) ?? [])].filter(id => !ids.has(id)).map(id => `${user.id} ${id}`)
      })
    await until(() => missing().length === 0, PATIENCE_MS).catch(() => {})
    expect(missing()).toEqual([])
    for (const { shown } of phones) expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length)
    expect(phones.filter(({ resyncs }) => resyncs > 0)).toEqual([])
    const reconnects = phones.reduce((sum, phone) => sum + phone.reconnects, 0)
    // Each was connected to some process, and each process has ended.
    expect(phones.filter(phone => phone.reconnects === 0)).toEqual([])
    expect(await findViolations(running.connectionString)).toEqual([])
    expect(await running.query('select from dead_letters')).toEqual([])
    expect(running.faults()).toEqual([])
    const events = [...must.values()].reduce((sum, ids) => sum + ids.size, 0)
    process.stdout.write(
      `R9.4: ${PROCESSES} processes replaced in ${deploymentMs} ms, ${tripsDuring} accepts meanwhile ` +
        `(${Math.round((tripsDuring * 1_000) / deploymentMs)} a second) and ${load.refused} too late in all; ` +
        `` +
        `${load.toldToRetry} calls told to come back, ${load.cutOff} cut off, 0 failed; ` +
        `the latest of ${during.length} timers ${Math.round(worst(during))} ms late (before: ` +
        `${Math.round(worst(calm))} ms of ${calm.length}); ${events} events for ${phones.length} phones, ` +
        `which reconnected ${reconnects} times, 0 missing\n`,
    )
  })
})
