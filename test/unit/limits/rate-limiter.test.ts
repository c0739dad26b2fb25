import { describe, expect, test } from '@jest/globals'
import { createRateLimiter } from '../../../src/adapters/memory/rate-limiter.js'
import type { Counted, SharedCounts } from '../../../src/dispatch/ports.js'

const MINUTE_MS = 60_000
/** The first moment of a minute. */
const START = 29_000_000 * MINUTE_MS

/** A limiter whose time a test moves. */
function limiterOf(perMinute: number, more: { shared?: SharedCounts; maxKeys?: number } = {}) {
  const clock = { at: START }
  const limiter = createRateLimiter({ perMinute, name: 'test', now: () => clock.at, ...more })
  const takeMany = (key: string, times: number) => Array.from({ length: times }, () => limiter.take(key))
  return {
    ...limiter,
    clock,
    takeMany,
    allowed: (key: string, times: number) => takeMany(key, times).filter(w => w === undefined).length,
  }
}

describe('a limit by the minute', () => {
  test('admits its number, each key separately, and says when to retry', () => {
    const { takeMany } = limiterOf(3)
    expect(takeMany('a', 4)).toEqual([undefined, undefined, undefined, expect.any(Number)])
    expect(takeMany('b', 3)).toEqual([undefined, undefined, undefined])
  })

  test('has room at the time of its Retry-After, and not much earlier', () => {
    const { clock, take, takeMany } = limiterOf(10)
    clock.at += 20_000
    for (let round = 0; round < 200; round++) {
      const wait = takeMany('a', 11).find(w => w !== undefined) ?? 0
      expect(wait).toBeGreaterThan(0)
      expect(wait).toBeLessThanOrEqual(60)
      clock.at += (wait - 1) * 1_000
      if (wait > 1) expect(take('a')).toBeDefined()
      clock.at += 1_000
      expect(take('a')).toBeUndefined()
    }
  })

  test('never admits twice the limit around the turn of a minute', () => {
    const { clock, allowed } = limiterOf(100)
    clock.at = START + 59_000
    expect(allowed('a', 200)).toBe(100)
    clock.at = START + 61_000
    expect(allowed('a', 200)).toBeLessThan(5)
  })

  test('does not count refused requests', () => {
    const { clock, allowed } = limiterOf(60)
    allowed('a', 1_000)
    clock.at = START + MINUTE_MS + 30_000
    expect(allowed('a', 1_000)).toBe(30)
    clock.at = START + 3 * MINUTE_MS
    expect(allowed('a', 1_000)).toBe(60)
  })

  test('keeps a bounded number of keys: the least used start over', () => {
    const { take } = limiterOf(1, { maxKeys: 100 })
    expect(take('first')).toBeUndefined()
    for (let i = 0; i < 100; i++) take(`other-${i}`)
    expect(take('first')).toBeUndefined()
    expect(take('other-99')).toBeDefined()
  })
})

/** What Redis does, in this process. */
function sharedCounts() {
  const totals = new Map<string, number>()
  const told: Counted[][] = []
  let isLost = false
  const shared: SharedCounts = {
    async add(counted) {
      if (isLost) throw new Error('lost')
      told.push([...counted])
      return counted.map(({ key, window, count }) => {
        const name = `${key} ${window}`
        totals.set(name, (totals.get(name) ?? 0) + count)
        return { current: totals.get(name) ?? 0, previous: totals.get(`${key} ${window - 1}`) ?? 0 }
      })
    },
    close() {},
  }
  return {
    shared,
    told,
    lose: (value: boolean) => {
      isLost = value
    },
  }
}

describe('a limit that processes share', () => {
  test('counts what all processes admit', async () => {
    const { shared } = sharedCounts()
    const [a, b] = [limiterOf(100, { shared }), limiterOf(100, { shared })]
    expect(a.allowed('k', 60)).toBe(60)
    expect(b.allowed('k', 30)).toBe(30)
    await a.share()
    await b.share()
    expect(b.allowed('k', 100)).toBe(10)
    await b.share()
    a.allowed('k', 1)
    await a.share()
    expect(a.take('k')).toBeDefined()
    a.close()
    b.close()
  })

  test('gives a process that is new to a key the previous minute’s count', async () => {
    const { shared } = sharedCounts()
    const [a, b] = [limiterOf(100, { shared }), limiterOf(100, { shared })]
    a.allowed('k', 100)
    await a.share()
    b.clock.at = START + MINUTE_MS
    expect(b.take('k')).toBeUndefined()
    await b.share()
    expect(b.take('k')).toBeDefined()
    a.close()
    b.close()
  })

  test('shares nothing twice, and nothing if there is nothing new', async () => {
    const { shared, told } = sharedCounts()
    const a = limiterOf(100, { shared })
    a.allowed('k', 5)
    await a.share()
    await a.share()
    a.allowed('k', 2)
    await a.share()
    expect(told.map(batch => batch.map(({ count }) => count))).toEqual([[5], [2]])
    a.close()
  })

  test('continues alone while the others cannot be reached, and shares its counts afterwards', async () => {
    const { shared, told, lose } = sharedCounts()
    const a = limiterOf(10, { shared })
    lose(true)
    expect(a.allowed('k', 20)).toBe(10)
    await a.share()
    expect(a.take('k')).toBeDefined()
    lose(false)
    await a.share()
    expect(told.flat()).toMatchObject([{ key: 'test:k', count: 10 }])
    a.close()
  })

  test('loses no count that is made while counts are shared', async () => {
    const { shared } = sharedCounts()
    const a = limiterOf(10, { shared })
    a.allowed('k', 4)
    const telling = a.share()
    a.allowed('k', 4)
    await telling
    expect(a.allowed('k', 10)).toBe(2)
    a.close()
  })
})
