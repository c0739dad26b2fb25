import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { expect } from '@jest/globals'

const LOOK_EVERY_MS = 50

/** Polls until `read` returns `expected`; after `patienceMs` the test fails with the difference. */
export async function expectSoon<T>(
  read: () => T | Promise<T>,
  expected: T,
  patienceMs: number,
): Promise<void> {
  let found = await read()
  for (const giveUpAt = performance.now() + patienceMs; !isDeepStrictEqual(found, expected); ) {
    if (performance.now() > giveUpAt) break
    await delay(LOOK_EVERY_MS)
    found = await read()
  }
  expect(found).toEqual(expected)
}
