import { describe, expect, it } from '@jest/globals'
import { createBackoff } from '../../../src/client/backoff.js'
import { createDeduplicator } from '../../../src/client/deduplicate.js'
import type { ResumableEvent } from '../../../src/client/index.js'
import { createListeners } from '../../../src/client/listeners.js'
import { noAnswer, toProblem } from '../../../src/client/problem.js'

const event = (
  id: string,
  version = 1,
  type = 'booking_updated',
  broadcastId = 'b',
  at = '2026-01-01T00:00:00.000Z',
) => ({ id, version, type, broadcastId, at }) as ResumableEvent

describe('R7.3 the client’s deduplicator', () => {
  it('drops a known id and a booking_updated that is older, but never another type', () => {
    const deduplicate = createDeduplicator()
    expect(deduplicate(event('a', 2))).toBe('new')
    expect(deduplicate(event('a', 2))).toBe('known')
    expect(deduplicate(event('b', 1))).toBe('older')
    expect(deduplicate(event('b', 1))).toBe('known')
    expect(deduplicate(event('c', 2))).toBe('new')
    expect(deduplicate(event('d', 1, 'truck_confirmed'))).toBe('new')
    expect(deduplicate(event('e', 1, 'booking_updated', 'another'))).toBe('new')
    expect(deduplicate(event('f', 9, 'trip_cancelled'))).toBe('new')
    expect(deduplicate(event('g', 3))).toBe('new')
  })

  it('accepts a lower version with a later time: a failover lost the version seen before', () => {
    const deduplicate = createDeduplicator()
    expect(deduplicate(event('a', 7, 'booking_updated', 'b', '2026-01-01T00:00:01.000Z'))).toBe('new')
    expect(deduplicate(event('b', 6, 'booking_updated', 'b', '2026-01-01T00:00:05.000Z'))).toBe('new')
    expect(deduplicate(event('c', 5, 'booking_updated', 'b', '2026-01-01T00:00:04.000Z'))).toBe('older')
    expect(deduplicate(event('d', 7, 'booking_updated', 'b', '2026-01-01T00:00:06.000Z'))).toBe('new')
  })

  it('knows an event by its id with and without the stamp, and an offer by its id alone', () => {
    const deduplicate = createDeduplicator()
    const id = '01890a5d-ac96-774b-bcce-b302099a8057'
    const at = (seconds: number) => `2026-01-01T00:00:0${seconds}.000Z`
    expect(deduplicate(event(`${id}:2:0:1`, 2, 'truck_confirmed', 'b', at(1)))).toBe('new')
    expect(deduplicate(event(`${id}:2:0:1:mx3hgv0f`, 2, 'truck_confirmed', 'b', at(1)))).toBe('known')
    expect(deduplicate(event(`${id}:2:0:1:mx3hgvl3`, 2, 'truck_confirmed', 'b', at(2)))).toBe('new')
    expect(deduplicate(event(`${id}:offer`, 1, 'new_broadcast', 'b', at(1)))).toBe('new')
    expect(deduplicate(event(`${id}:offer`, 1, 'new_broadcast', 'b', at(2)))).toBe('known')
  })

  it('forgets the oldest ids, and the requests that had no event for longest', () => {
    const deduplicate = createDeduplicator(3, 2)
    for (const id of ['a', 'b', 'c', 'd']) deduplicate(event(id, 5))
    expect(['d', 'c', 'b'].map(id => deduplicate(event(id, 5)))).toEqual(['known', 'known', 'known'])
    expect(deduplicate(event('a', 5))).toBe('new')
    deduplicate(event('x1', 5, 'booking_updated', 'x'))
    deduplicate(event('b1', 5))
    deduplicate(event('y1', 5, 'booking_updated', 'y'))
    expect(deduplicate(event('b0', 4))).toBe('older')
    expect(deduplicate(event('x0', 4, 'booking_updated', 'x'))).toBe('new') // forgotten
  })
})

describe('R7.3 the client’s pauses', () => {
  it('double up to the longest, differ between clients, and start over after a connection that lasted', () => {
    const highest = createBackoff({}, () => 1)
    expect([0, 0, 0, 0, 0, 0, 0, 0].map(now => highest.next(now))).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
    ])
    highest.connected(1_000)
    expect(highest.next(5_000)).toBe(15_000)
    highest.connected(6_000)
    expect(highest.next(16_000)).toBe(500)
    const lowest = createBackoff({}, () => 0)
    expect([lowest.next(0), lowest.next(0)]).toEqual([250, 500])
    expect(lowest.next(0, 30_000)).toBe(30_000) // what the server asked for
  })
})

describe('the client’s problems', () => {
  it('are the server’s document, or describe the answer that came instead', () => {
    const document = { code: 'RATE_LIMITED', title: 'Too many requests', status: 429, retryAfterSeconds: 3 }
    expect(toProblem(429, document)).toEqual(document)
    expect(toProblem(503, { code: 'UNAVAILABLE', title: 'x' }, '7')).toMatchObject({ retryAfterSeconds: 7 })
    expect(toProblem(502, undefined, null)).toEqual({
      code: 'FAULT',
      title: 'Something went wrong',
      status: 502,
    })
    expect(toProblem(500, { type: 'about:blank', title: 'Oh', status: 500 })).toMatchObject({
      code: 'FAULT',
      title: 'Oh',
    })
  })

  it('name the cause of a failed call', () => {
    expect(noAnswer(new TypeError('fetch failed', { cause: new Error('refused') }))).toMatchObject({
      code: 'NO_ANSWER',
      detail: 'fetch failed: refused',
    })
    expect(noAnswer('closed').detail).toBe('closed')
    expect(noAnswer(undefined).detail).toBe('undefined')
  })
})

describe('the client’s handlers', () => {
  it('are called until they are removed, each independent of the others', () => {
    const { on, emit } = createListeners<{ a: number; b: string }>()
    const heard: unknown[] = []
    const off = on('a', value => heard.push(value))
    on('a', value => heard.push(-value))
    emit('a', 1)
    off()
    emit('a', 2)
    emit('b', 'nobody')
    expect(heard).toEqual([1, -1, -2])
  })
})
