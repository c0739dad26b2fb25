import { afterAll, expect, test } from '@jest/globals'
import { until } from '../support/engine/engine.js'
import { createChance } from '../support/engine/seeded.js'
import { type RoughNetwork, startRoughNetwork } from '../support/network/rough-network.js'
import { redisForTests } from '../support/redis/redis.js'
import { findViolations } from '../support/server/server.js'
import { readExpected } from '../support/storm/expected.js'
import { acceptOffers, askForTrucks, castOf, registerFleet } from '../support/storm/people.js'
import { connectPhones, type Phone } from '../support/storm/phones.js'
import { type Processes, startProcesses } from '../support/storm/processes.js'
import { blow, strike } from '../support/storm/weather.js'

/*
 * Three processes, one Redis, one Postgres, and phones behind a network that delays, cuts and swallows. Processes are
 * killed with -9 while they emit, and so is Redis. In the end every phone has heard exactly what the event table
 * says it should have.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { customers: 60, transporters: 120, strikes: 4, everyMs: 3_000 }
  : { customers: 8, transporters: 16, strikes: 1, everyMs: 1_500 }
const PROCESSES = 3
const SEED = 20_260_806
const MAX_DELAY_MS = 40
/** Phones wait up to a quarter of a minute between tries, and then resume one after the other. */
const PATIENCE_MS = 90_000

const { describeWithRedis } = await redisForTests()
const phones: Phone[] = []
let processes: Processes | undefined
let network: RoughNetwork | undefined

afterAll(async () => {
  for (const phone of phones) phone.close()
  await network?.close()
  await processes?.close()
})

describeWithRedis('in a storm', () => {
  test(`R7.1 R7.3 R7.4 every phone gets the events of the event table, whatever happens to it (seed ${SEED})`, async () => {
    const chance = createChance(SEED)
    const cast = castOf(size.customers, size.transporters)
    const running = await startProcesses(PROCESSES, {
      BROADCAST_TIMEOUT_SECONDS: '3',
      REACH_STEP_SECONDS: '1',
      CANCEL_WINDOW_SECONDS: '1',
    })
    processes = running
    const rough = await startRoughNetwork(running.urls, { delayMs: () => chance.below(MAX_DELAY_MS) })
    network = rough
    await registerFleet(running, cast)
    phones.push(...(await connectPhones(rough.url, cast.all)))

    let isOver = false
    const transporters = phones
      .filter(({ user }) => user.role === 'transporter')
      .map(phone => acceptOffers(running, phone, chance))
    const customers = cast.customers.map(customer => askForTrucks(running, customer, chance, () => isOver))
    const wind = blow(rough, chance, () => isOver)
    await strike(running, rough, { times: size.strikes, everyMs: size.everyMs })
    isOver = true
    await Promise.all([...customers, wind])
    await until(async () => (await seeking(running)) === 0, PATIENCE_MS)
    await Promise.all(transporters.map(({ idle }) => idle()))
    await until(async () => (await running.query('select from outbox')).length === 0, PATIENCE_MS)

    const { must, may } = await readExpected(running, cast.all)
    const missing = () =>
      phones.flatMap(({ user, heard }) => {
        const ids = new Set(heard.map(({ id }) => id))
        return [...(must.get(user.id) ?? [])].filter(id => !ids.has(id)).map(id => `${user.id} ${id}`)
      })
    await until(() => missing().length === 0, PATIENCE_MS).catch(() => {})
    expect(missing()).toEqual([])
    const strange = phones.flatMap(({ user, heard }) =>
      heard
        .filter(({ id }) => !must.get(user.id)?.has(id) && !may.get(user.id)?.has(id))
        .map(({ id, type }) => `${user.id} ${type} ${id}`),
    )
    expect(strange).toEqual([])
    // Shown once, however often it came.
    for (const { shown } of phones) expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length)
    expect(phones.filter(({ resyncs }) => resyncs > 0)).toEqual([])

    // It was a storm, and something was at stake.
    const count = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0)
    expect(count(phones.map(({ reconnects }) => reconnects))).toBeGreaterThan(phones.length / 2)
    expect(count([...must.values()].map(ids => ids.size))).toBeGreaterThan(cast.customers.length * 10)
    const repeated = count(phones.map(({ heard, shown }) => heard.length - shown.length))
    expect(repeated).toBeGreaterThan(0)
    expect(await findViolations(running.connectionString)).toEqual([])
    expect(await running.query('select from dead_letters')).toEqual([])
    expect(running.faults()).toEqual([])
  })
})

async function seeking({ query }: Processes): Promise<number> {
  return (await query("select from instances where status in ('searching', 'partially_filled')")).length
}
