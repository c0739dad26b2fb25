import { describe, expect, it } from '@jest/globals'
import { percentile, summarize, tally } from '../../../demo/figures.js'

describe('figures', () => {
  it('give a percentile that was measured, in any order of values', () => {
    const oneToHundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(percentile(oneToHundred, 0.5)).toBe(50)
    expect(percentile(oneToHundred, 0.99)).toBe(99)
    expect(percentile(oneToHundred, 1)).toBe(100)
    expect(percentile([10, 9], 0.5)).toBe(9)
  })

  it('give the value of a single measurement for every statistic, and none without measurements', () => {
    expect(summarize([4])).toEqual({ count: 1, p50: 4, p99: 4, max: 4 })
    expect(summarize([])).toBeUndefined()
  })

  it('count values, the most frequent first', () => {
    expect([...tally(['b', 'c', 'a', 'c'])]).toEqual([
      ['c', 2],
      ['a', 1],
      ['b', 1],
    ])
  })
})
