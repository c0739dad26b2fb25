import { expect, it } from '@jest/globals'
import { createTokenBucket } from '../../../src/concurrency/token-bucket.js'

it('a token bucket gives its burst at once, then its rate a second, and never saves more than the burst', () => {
  let now = 0
  const mayCome = createTokenBucket(10, 3, () => now)
  const taken = () => Array.from({ length: 5 }, mayCome).filter(Boolean).length
  expect(taken()).toBe(3)
  now += 200
  expect(taken()).toBe(2)
  now += 60_000
  expect(taken()).toBe(3)
})
