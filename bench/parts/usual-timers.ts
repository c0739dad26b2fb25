/* B5: the same measurements of the usual way's timers. */
import type { Redis } from 'ioredis'
import { inFlight } from '../measure.js'
import { openUsualWay, type UsualWay } from '../usual/requests.js'
import { createUsualTimers } from '../usual/timers.js'
import type { World } from '../world.js'
import { ARMED_AT_ONCE, armAll } from './arming.js'
import { Countdown } from './countdown.js'

export async function onUsualWay<T>(
  world: World,
  work: (way: UsualWay, redis: Redis) => Promise<T>,
): Promise<T> {
  const database = await world.createDatabase()
  const redis = await world.connectRedis()
  const way = await openUsualWay(database.connectionString, redis)
  const result = await work(way, redis)
  await way.close()
  redis.disconnect()
  await database.drop()
  return result
}

export async function usualLateness(way: UsualWay, redis: Redis, count: number): Promise<number[]> {
  const dueAts = new Map<string, number>()
  const lateness: number[] = []
  const all = new Countdown(count)
  const timers = createUsualTimers(redis, async id => {
    await way.expire(id)
    lateness.push(Date.now() - (dueAts.get(id) ?? Number.NaN))
    all.countOne()
  })
  timers.start()
  await armAll(count, async (i, dueAt) => {
    const id = await way.create(`due-${i}`, 1)
    dueAts.set(id, dueAt)
    await timers.set(id, dueAt)
  })
  await all.done
  await timers.stop()
  return lateness
}

export async function usualDrain(way: UsualWay, redis: Redis, count: number): Promise<number> {
  const all = new Countdown(count)
  const timers = createUsualTimers(redis, async id => {
    await way.expire(id)
    all.countOne()
  })
  await inFlight(count, ARMED_AT_ONCE, async i => timers.set(await way.create(`overdue-${i}`, 1), Date.now()))
  const begunAt = performance.now()
  timers.start()
  await all.done
  const perSecond = (count / (performance.now() - begunAt)) * 1000
  await timers.stop()
  return perSecond
}
