import { describe, expect, it } from '@jest/globals'
import type { StoredTimer } from '../../../../src/runtime/ports.js'
import { compareTimers, earlierOf } from '../../../../src/runtime/timers/timer-order.js'

const timer = (sendId: string, dueAt: number, generation: number, ordinal?: number, instance = 'a') => ({
  instance,
  machine: 'chime',
  sendId,
  dueAt,
  generation,
  event: { type: sendId },
  ...(ordinal === undefined ? {} : { ordinal }),
})
const names = (timers: readonly StoredTimer[]) => timers.map(({ sendId }) => sendId).join('')

describe('the order of timers', () => {
  it('is by due time, then by the version that armed them, then by their place in it', () => {
    const timers = [
      timer('e', 200, 1, 0),
      timer('d', 100, 3, 1),
      timer('c', 100, 3),
      timer('b', 100, 2, 9),
      timer('a', 50, 7, 3),
    ]
    expect(names(timers.sort(compareTimers))).toBe('abcde')
  })

  it('makes those fire first that precede a leased one of the same instance, and no others', () => {
    const leased = [timer('leased', 100, 3, 1), timer('first', 10, 1, 0)]
    const others = [
      timer('x', 100, 3, 0),
      timer('y', 100, 2, 5),
      timer('later', 100, 3, 2),
      timer('elsewhere', 1, 1, 0, 'b'),
    ]
    expect(names(earlierOf(leased, others))).toBe('xy')
  })
})
