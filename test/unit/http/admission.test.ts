import { describe, expect, it } from '@jest/globals'
import { createAdmission } from '../../../src/adapters/http/admission.js'

const MOST = 2_000
const LEAST = 128
const TICK_MS = 5

/** A process that does so many requests a second, first come first served, in simulated time. */
function simulate(perSecond: () => number) {
  let now = 0
  const admission = createAdmission(() => now)
  const queue: { since: number }[] = []
  const done: { at: number; ms: number }[] = []
  let refused = 0
  let could = 0

  function arrive(count: number): void {
    for (let i = 0; i < count; i++) {
      const since = admission.enter()
      if (since === undefined) refused++
      else queue.push({ since })
    }
  }
  return {
    admission,
    done,
    arrive,
    refused: () => refused,
    /** `arriving`: so many a second, evenly. */
    run(ms: number, arriving = 0) {
      let due = 0
      for (const end = now + ms; now < end; now += TICK_MS) {
        due += (arriving * TICK_MS) / 1_000
        arrive(Math.floor(due))
        due -= Math.floor(due)
        could = queue.length === 0 ? 0 : could + (perSecond() * TICK_MS) / 1_000
        for (; could >= 1 && queue.length > 0; could--) {
          const first = queue.shift()
          if (first === undefined) continue
          admission.leave()
          admission.answered(now - first.since)
          done.push({ at: now, ms: now - first.since })
        }
      }
    },
  }
}

describe('R10.4 the number of requests in progress', () => {
  it('admits a crowd that arrives at once', () => {
    const { arrive, run, refused, done } = simulate(() => 900)
    arrive(1_500)
    run(2_000)
    expect(refused()).toBe(0)
    expect(done).toHaveLength(1_500)
  })

  it.each([900, 5_000])(
    'sustains the target rate when three times as many requests arrive, %d a second',
    rate => {
      const { admission, run, refused, done } = simulate(() => rate)
      run(60_000, 3 * rate)
      const settled = done.filter(({ at }) => at > 5_000)
      // All that can be done is done, and by far the most of it in about the time that is aimed for.
      expect(settled.length).toBeGreaterThan(55 * rate * 0.95)
      const sorted = settled.map(({ ms }) => ms).sort((a, b) => a - b)
      expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(Math.max(200, (LEAST / rate) * 1_100))
      expect(sorted[Math.floor(sorted.length * 0.99)]).toBeLessThanOrEqual(500)
      expect(refused()).toBeGreaterThan(50 * rate * 1.9)
      expect(admission.underWay).toBeLessThanOrEqual(MOST)
    },
  )

  it('has recovered a few seconds later', () => {
    const { admission, run, refused } = simulate(() => 900)
    run(10_000, 2_700)
    expect(admission.limit).toBeLessThan(MOST)
    run(3_000, 450)
    const before = refused()
    run(3_000, 450)
    expect(admission.limit).toBe(MOST)
    expect(refused()).toBe(before)
  })

  it('shrinks while nothing is answered, so that new callers are refused at once', () => {
    let rate = 900
    const { admission, run } = simulate(() => rate)
    run(1_000, 450)
    rate = 0
    run(6_000, 450)
    expect(admission.limit).toBe(LEAST)
    rate = 900
    run(10_000, 450)
    expect(admission.limit).toBe(MOST)
  })

  it('does not shrink below what a slow database answers best together', () => {
    const { run, refused } = simulate(() => 50)
    run(4_000, 60)
    expect(refused()).toBe(0)
  })
})
