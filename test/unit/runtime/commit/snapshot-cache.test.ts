import { describe, expect, it } from '@jest/globals'
import { type Rewind, SnapshotCache } from '../../../../src/runtime/commit/snapshot-cache.js'
import type { Instance } from '../../../../src/runtime/types.js'

const at = (version: number, id = 'a', updatedAt = version) => ({ id, version, updatedAt }) as Instance

/** A cache with the clock `clock.ms`, and the rewinds that it has noticed. */
function open() {
  const clock = { ms: 0 }
  const rewinds: Rewind[] = []
  const cache = new SnapshotCache(
    () => clock.ms,
    rewind => void rewinds.push(rewind),
  )
  return { cache, clock, rewinds }
}

describe('the snapshot cache', () => {
  it('keeps the newest version that it was given', () => {
    const { cache } = open()
    cache.note(at(1), 10, 100)
    cache.note(at(3), 20, 100)
    expect(cache.get('a')).toMatchObject({ instance: { version: 3 }, confirmedAt: 20 })
  })

  it('uses an older read as a confirmation of the newer version, which was committed after the read began', () => {
    const { cache, clock, rewinds } = open()
    clock.ms = 40
    cache.note(at(3), 20, 100)
    cache.note(at(2), 30, 100)
    expect(cache.get('a')).toMatchObject({ instance: { version: 3 }, confirmedAt: 30 })
    expect(rewinds).toEqual([])
  })

  it('detects that the database went back: an older version in a read that began after the newer one was known', () => {
    const { cache, clock, rewinds } = open()
    clock.ms = 40
    cache.note(at(3), 20, 100)
    cache.note(at(2), 50, 100)
    expect(rewinds).toEqual([{ instance: 'a', known: 3, found: 2 }])
    expect(cache.get('a')).toMatchObject({ instance: { version: 2 }, confirmedAt: 50 })
  })

  it('detects another history: the same version with another stamp, however early the read began', () => {
    const { cache, rewinds } = open()
    cache.note(at(3, 'a', 1_000), 20, 100)
    expect(cache.confirm(at(3, 'a', 1_000.0001), 10)?.version).toBe(3)
    expect(cache.confirm(at(3, 'a', 1_001), 10)).toBeUndefined()
    expect(rewinds).toEqual([{ instance: 'a', known: 3, found: 3 }])
  })

  it('is not confirmed by a read that began earlier', () => {
    const { cache, clock } = open()
    clock.ms = 20
    cache.note(at(3), 20, 100)
    cache.note(at(3), 10, 100)
    cache.note(at(2), 5, 100)
    expect(cache.get('a')?.confirmedAt).toBe(20)
  })

  it('drops an instance when it is told to', () => {
    const { cache } = open()
    cache.note(at(3), 20, 100)
    cache.drop('a')
    expect(cache.get('a')).toBeUndefined()
    cache.note(at(1), 30, 100)
    expect(cache.get('a')?.instance.version).toBe(1)
  })

  it('is bounded by bytes: the least recently used go first', () => {
    const { cache } = open()
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
