/* The comparisons of the benchmark and its test data: figures beside a broken comparison would be worthless. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Redis } from 'ioredis'
import { copyInstances } from '../../bench/copies.js'
import { createRequest, openEngine, sendAccept } from '../../bench/engine.js'
import { openLimit } from '../../bench/limit/limit.js'
import { findPgbench } from '../../bench/limit/pgbench.js'
import { assertNoViolations } from '../../bench/parts/audited.js'
import { Countdown } from '../../bench/parts/countdown.js'
import { openUsualWay, type UsualWay } from '../../bench/usual/requests.js'
import { createUsualTimers } from '../../bench/usual/timers.js'
import { type Database, openPool, type World } from '../../bench/world.js'
import { createTestDatabase } from '../support/database/postgres.js'
import { temporaryFolder } from '../support/processes/temporary-folder.js'
import { redisForTests, useRedis } from '../support/redis/redis.js'

async function createDatabase(): Promise<Database> {
  const { connectionString, drop } = await createTestDatabase()
  const pool = openPool(connectionString, 2)
  return {
    connectionString,
    pool,
    async drop() {
      await pool.end()
      await drop()
    },
  }
}

describe('the limit', () => {
  it('is the rate of its fastest sender, and every sender moves all its rows in each measurement', async () => {
    const databases: Database[] = []
    const world: Pick<World, 'folder' | 'createDatabase'> = {
      folder: await temporaryFolder('limit'),
      async createDatabase() {
        const database = await createDatabase()
        databases.push(database)
        return database
      },
    }
    const limit = await openLimit(world, 0.01)
    const rates = [await limit.measure(), await limit.measure()]
    for (const { pool, pgbench = 0, best } of rates) {
      expect(pool).toBeGreaterThan(0)
      expect(best).toBe(Math.max(pool, pgbench))
    }
    expect(rates[0]?.pgbench === undefined).toBe((await findPgbench()) === undefined)
    // It finds that no row moved, because another sender moved it before.
    await databases[0]?.pool.query('update instances set version = version + 5')
    await expect(limit.measure()).rejects.toThrow(/the limit moved 0 rows of \d+/)
    await limit.close()
  })
})

describe('copies of an instance', () => {
  const sample = 'sampled-for-copies'
  let database: Database
  beforeAll(async () => {
    database = await createDatabase()
    const { engine, close } = await openEngine(database.connectionString)
    const id = await createRequest(engine, sample, 2)
    await sendAccept(engine, id, sample)
    await close()
    await copyInstances(database.pool, { id, name: sample }, 120, { prefix: 'copy-' })
  })
  afterAll(() => database.drop())

  it('pass the audit, and the engine continues them like its own instances', async () => {
    await assertNoViolations(database)
    const { engine, close } = await openEngine(database.connectionString)
    const { rows } = await database.pool.query<{ id: string }>(
      "select id from instances where owner = 'customer-copy-7'",
    )
    const id = rows[0]?.id ?? ''
    expect(await sendAccept(engine, id, 'copy-7')).toBe('DRIVER_BUSY')
    expect(await sendAccept(engine, id, 'somebody-else')).toBe('won')
    await close()
    await assertNoViolations(database)
  })

  it('are found by the audit when one is broken, on any page', async () => {
    await database.pool.query("update instances set version = 9 where owner = 'customer-copy-119'")
    await expect(assertNoViolations(database)).rejects.toThrow('invariant')
  })
})

const { describeWithRedis } = await redisForTests()
describeWithRedis('the usual way', () => {
  let database: Database
  let way: UsualWay
  let redis: Redis
  afterAll(async () => {
    await way.close()
    redis.disconnect()
    await database.drop()
  })
  const server = useRedis()
  beforeAll(async () => {
    database = await createDatabase()
    redis = new Redis(server.url)
    way = await openUsualWay(database.connectionString, redis)
  })

  it('gives each truck to one of the concurrent callers', async () => {
    const id = await way.create('crowded', 3)
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => way.accept(id, `crowd-${i}`)))
    const won = outcomes.filter(outcome => outcome === 'won').length
    const gaveUp = outcomes.filter(outcome => outcome === 'gave up').length
    expect(won + Math.min(gaveUp, 3 - won)).toBe(3)
    const { rows } = await database.pool.query(
      'select trucks_filled, (select count(*)::int from usual_trips where request_id = usual_requests.id) as trips from usual_requests where id = $1',
      [id],
    )
    expect(rows).toEqual([{ trucks_filled: won, trips: won }])
  })

  it('refuses a driver that is on a trip, and a request past its deadline', async () => {
    const [first, second, late] = [
      await way.create('one', 2),
      await way.create('two', 1),
      await way.create('late', 1, -1),
    ]
    expect(await way.accept(first, 'asha')).toBe('won')
    expect(await way.accept(second, 'asha')).toBe('busy')
    expect(await way.accept(late, 'ravi')).toBe('ended')
    expect([await way.expire(late), await way.expire(late)]).toEqual([true, false])
  })

  it('fires each due deadline once, and none before its time', async () => {
    const fired: string[] = []
    const both = new Countdown(2)
    const timers = createUsualTimers(redis, async id => {
      fired.push(id)
      both.countOne()
    })
    await timers.set('past', Date.now() - 10)
    await timers.set('now', Date.now())
    await timers.set('far', Date.now() + 60_000)
    timers.start()
    await both.done
    await timers.stop()
    expect(fired.sort()).toEqual(['now', 'past'])
  })
})
