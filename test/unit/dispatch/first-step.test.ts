import { describe, expect, it } from '@jest/globals'
import { FirstStep } from '../../../src/dispatch/broadcasts/first-step.js'

describe('the count of the first step', () => {
  it('reaches all waiting callers, whether they asked before or after it was known', async () => {
    const counts = new FirstStep()
    const early = [counts.wait('a', 10_000), counts.wait('a', 10_000)]
    counts.settle('a', 3)
    expect(await Promise.all([...early, counts.wait('a', 10_000)])).toEqual([3, 3, 3])
  })

  it('is undefined after the time limit', async () => {
    expect(await new FirstStep().wait('a', 1)).toBeUndefined()
  })
})
