import { describe, expect, it } from '@jest/globals'
import { backoffMs, plainBackoffMs } from '../../../src/concurrency/backoff.js'

const backoff = { firstMs: 500, longestMs: 60_000 }

describe('a backoff', () => {
  it('doubles from the first pause to the longest', () => {
    const pauses = [1, 2, 3, 7, 8, 9].map(failures => plainBackoffMs(backoff, failures))
    expect(pauses).toEqual([500, 1_000, 2_000, 32_000, 60_000, 60_000])
  })

  it('is the longest pause after any number of failures', () => {
    expect(plainBackoffMs(backoff, 10_000)).toBe(60_000)
    expect(plainBackoffMs({ firstMs: 0, longestMs: 60_000 }, 10_000)).toBe(0)
  })

  it('varies by a quarter to either side, in whole milliseconds', () => {
    expect([0, 0.5, 0.999].map(chance => backoffMs(backoff, 1, () => chance))).toEqual([375, 500, 625])
  })

  it('varies by the given spread', () => {
    const spread = { ...backoff, spread: [0.5, 1] } as const
    expect([0, 0.5, 0.999].map(chance => backoffMs(spread, 2, () => chance))).toEqual([500, 750, 1_000])
  })
})
