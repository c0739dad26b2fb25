import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { expect } from '@jest/globals'
import { isOverdue } from '../engine/pace.js'

const LOOK_EVERY_MS = 50

/** Polls until `read` returns `expected`; after `patienceMs`, later on a slow machine, the test fails with the difference. */
export async function expectSoon<T>(
  read: () => T | Promise<T>,
  expected: T,
  patienceMs: number,
): Promise<void> {
  let found = await read()
  for (const startedAt = performance.now(); !isDeepStrictEqual(found, expected); ) {
    if (isOverdue(startedAt, patienceMs)) break
    await delay(LOOK_EVERY_MS)
    found = await read()
  }
  expect(found).toEqual(expected)
}
