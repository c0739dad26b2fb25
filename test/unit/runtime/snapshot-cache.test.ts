import { describe, expect, it } from '@jest/globals'
import { SnapshotCache } from '../../../src/runtime/snapshot-cache.js'
import type { Instance } from '../../../src/runtime/types.js'

const at = (version: number, id = 'a') => ({ id, version }) as Instance

describe('the snapshot cache', () => {
  it('keeps the newest version that was shown', () => {
    const cache = new SnapshotCache()
    cache.note(at(1), 10, 100)
    cache.note(at(3), 20, 100)
    expect(cache.get('a')).toMatchObject({ instance: { version: 3 }, confirmedAt: 20 })
  })

  it('takes an older read for a confirmation of the newer version, which was committed after it began', () => {
    const cache = new SnapshotCache()
    cache.note(at(3), 20, 100)
    cache.note(at(2), 30, 100)
    expect(cache.get('a')).toMatchObject({ instance: { version: 3 }, confirmedAt: 30 })
  })

  it('is not confirmed by what began before', () => {
    const cache = new SnapshotCache()
    cache.note(at(3), 20, 100)
    cache.note(at(3), 10, 100)
    cache.note(at(2), 5, 100)
    expect(cache.get('a')?.confirmedAt).toBe(20)
  })

  it('forgets what it is told to drop', () => {
    const cache = new SnapshotCache()
    cache.note(at(3), 20, 100)
    cache.drop('a')
    expect(cache.get('a')).toBeUndefined()
    cache.note(at(1), 30, 100)
    expect(cache.get('a')?.instance.version).toBe(1)
  })

  it('is bounded by bytes: the least recently used go first', () => {
    const cache = new SnapshotCache()
    const aMegabyte = 2 ** 20
    for (let i = 0; i < 40; i++) {
      cache.note(at(1, `${i}`), 1, aMegabyte)
      cache.get('0')
    }
    const kept = Array.from({ length: 40 }, (_, i) => `${i}`).filter(id => cache.get(id) !== undefined)
    expect(kept.length).toBeLessThan(35)
    expect(kept).toEqual(expect.arrayContaining(['0', '39']))
    expect(kept).not.toContain('1')
  })
})
