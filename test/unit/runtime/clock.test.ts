import { describe, expect, it } from '@jest/globals'
import { ClockSkewError, createClock } from '../../../src/runtime/clock.js'

/** A clock on a machine whose time the test sets, and a database that answers after `delays`, one for each look. */
function clockOn(local: { ms: number }) {
  const clock = createClock(() => local.ms)
  return {
    clock,
    sync: (aheadMs: number, delays: readonly number[] = [2, 2, 2]) => {
      const left = [...delays]
      return clock.sync(async () => {
        const delay = left.shift() ?? 0
        local.ms += delay / 2
        const answer = local.ms + aheadMs
        local.ms += delay / 2
        return answer
      })
    },
  }
}

describe('the clock', () => {
  it('shows the database’s time once it is synced', async () => {
    const local = { ms: 1_000_000 }
    const { clock, sync } = clockOn(local)
    expect(clock.now()).toBe(1_000_000)
    await sync(5_000)
    expect(clock.offsetMs).toBe(5_000)
    expect(clock.now()).toBe(local.ms + 5_000)
  })

  it('trusts the quickest of its measurements', async () => {
    const local = { ms: 0 }
    const clock = createClock(() => local.ms)
    // The slow answers are half wrong: all of their time passes after the database has looked.
    const looks = [400, 4, 900]
    await clock.sync(async () => {
      const answer = local.ms + 100
      local.ms += looks.shift() ?? 0
      return answer
    })
    expect(clock.offsetMs).toBe(98)
  })

  it('never goes back, whatever is measured or set', async () => {
    const local = { ms: 1_000_000 }
    const { clock, sync } = clockOn(local)
    await sync(10_000)
    const before = clock.now()
    await sync(-10_000)
    expect(clock.now()).toBe(before)
    local.ms -= 500
    expect(clock.now()).toBe(before)
    local.ms += 30_000
    expect(clock.now()).toBe(local.ms - 10_000)
  })

  it('gives whole milliseconds', async () => {
    const local = { ms: 1_000.7 }
    expect(clockOn(local).clock.now()).toBe(1_000)
  })

  it.each([[60_001], [-60_001]])('refuses a skew of %d ms and keeps the offset it had', async skew => {
    const local = { ms: 1_000_000 }
    const { clock, sync } = clockOn(local)
    await sync(3_000)
    await expect(sync(skew)).rejects.toThrow(ClockSkewError)
    expect(clock.offsetMs).toBe(3_000)
  })
})
