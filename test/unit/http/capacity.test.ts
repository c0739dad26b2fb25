import { describe, expect, test } from '@jest/globals'
import { createAdmission } from '../../../src/adapters/http/admission.js'
import { capacityCheck } from '../../../src/adapters/http/capacity.js'
import { Room } from '../../../src/adapters/http/traffic/room.js'

/* Looked at once a second, as the server does. */

function scene() {
  let nowMs = 0
  const clock = () => nowMs
  const admission = createAdmission(clock)
  const arriving = new Room({ count: 2, bytes: 100 })
  const unread = new Room({ count: 2, bytes: 100 })
  const check = capacityCheck({ requests: admission.room, arriving, unread }, clock)
  return {
    admission,
    arriving,
    unread,
    status: async () => (await check()).status,
    check,
    passSeconds(seconds: number, each: () => void = () => {}) {
      for (let i = 0; i < seconds; i++) {
        nowMs += 1_000
        each()
        for (const room of [admission.room, arriving, unread]) room.look(nowMs)
      }
    },
  }
}

function fill(enter: () => number | undefined): void {
  while (enter() !== undefined) {
    // until there is no place
  }
}

describe('R13.4 the capacity check', () => {
  test('is ok while there is room, and shows how much is used', async () => {
    const { check, admission, unread, passSeconds } = scene()
    admission.enter()
    unread.enter(10)
    passSeconds(60)
    expect(await check()).toEqual({ status: 'ok', requests: 1, requestsLimit: 2_000, arriving: 0, unread: 1 })
  })

  test('is degraded, then down, if full while nothing is answered, and ok after one answer', async () => {
    const { admission, status, check, passSeconds } = scene()
    fill(admission.enter)
    passSeconds(4)
    expect(await status()).toBe('ok')
    passSeconds(3)
    expect(await status()).toBe('degraded')
    passSeconds(15)
    expect(await check()).toMatchObject({ status: 'down', stuckMs: expect.any(Number) })
    admission.leave()
    passSeconds(1)
    expect(await status()).toBe('ok')
  })

  test('is ok if full but making progress', async () => {
    const { admission, status, passSeconds } = scene()
    fill(admission.enter)
    passSeconds(60, () => {
      admission.leave()
      admission.answered(10)
      fill(admission.enter)
    })
    expect(admission.enter()).toBeUndefined()
    expect(await status()).toBe('ok')
  })

  test.each(['arriving', 'unread'] as const)('is down if the %s room is full for long', async name => {
    const all = scene()
    all[name].enter(100)
    all.passSeconds(8)
    expect(await all.status()).toBe('degraded')
    all.passSeconds(20)
    expect(await all.status()).toBe('down')
    all[name].leave(100)
    all.passSeconds(1)
    expect(await all.status()).toBe('ok')
  })
})
