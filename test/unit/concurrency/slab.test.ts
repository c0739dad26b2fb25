import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Slab, SlabMap } from '../../../src/concurrency/slab.js'

interface Item {
  readonly n: number
}

describe('a slab', () => {
  it('has everything that was added and not removed, each at its place', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 })), steps => {
        const slab = new Slab<Item>()
        const expected = new Map<number, Item>()
        for (const [n, step] of steps.entries()) {
          const [place] = [...expected.keys()].slice(step)
          if (place === undefined) {
            const item = { n }
            expected.set(slab.add(item), item)
          } else {
            slab.remove(place)
            expected.delete(place)
          }
          expect(slab.size).toBe(expected.size)
        }
        for (const [place, item] of expected) expect(slab.at(place)).toBe(item)
        expect(new Set(slab)).toEqual(new Set(expected.values()))
      }),
    )
  })
})

describe('a slab map', () => {
  it('behaves like a map, in order of insertion', () => {
    const step = fc.record({
      method: fc.constantFrom('set' as const, 'set' as const, 'delete' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
    })
    fc.assert(
      fc.property(fc.array(step), steps => {
        const [ours, theirs] = [new SlabMap<Item>(), new Map<string, Item>()]
        for (const [n, { method, key }] of steps.entries()) {
          if (method === 'delete') expect(ours.delete(key)).toBe(theirs.delete(key))
          else for (const map of [ours, theirs]) map.set(key, { n })
          expect([...ours]).toEqual([...theirs])
          expect([...ours.values()]).toEqual([...theirs.values()])
          expect([ours.size, ours.has(key), ours.get(key)]).toEqual([
            theirs.size,
            theirs.has(key),
            theirs.get(key),
          ])
        }
      }),
    )
  })

  it('continues if entries are removed while it is read', () => {
    const map = new SlabMap<Item>()
    for (const key of ['a', 'b', 'c']) map.set(key, { n: 0 })
    const seen: string[] = []
    for (const [key] of map) {
      seen.push(key)
      map.delete(key)
    }
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(map.size).toBe(0)
  })

  it('keeps nothing alive that was removed, however old the map is', () => {
    const map = new SlabMap<Item & { readonly ballast: readonly number[] }>()
    const kept = bytesKept((key, n) => {
      map.set(key, { n, ballast: new Array(ITEM_BYTES / 8).fill(n + 0.5) })
      map.delete(`${n - AT_ONCE}`)
    })
    // A `Map` keeps half of them.
    expect(kept).toBeLessThan((ITEMS * ITEM_BYTES) / 20)
  })
})

const ITEMS = 4_000
const ITEM_BYTES = 8_000
const AT_ONCE = 5

/** Bytes that outlive collections of the young generation alone, after so many items have passed through. */
function bytesKept(pass: (key: string, n: number) => void): number {
  setFlagsFromString('--expose-gc')
  const collect: (options?: { type: 'minor' }) => void = runInNewContext('gc')
  const heapBytes = () =>
    getHeapSpaceStatistics()
      .filter(({ space_name }) => /^(new|old|large_object|new_large_object)_space$/.test(space_name))
      .reduce((sum, space) => sum + space.space_used_size, 0)
  let n = 0
  const passSome = (until: number) => {
    for (; n < until; n++) pass(`${n}`, n)
  }
  passSome(ITEMS / 10)
  collect() // what it is made of now belongs to the old generation
  const before = heapBytes()
  for (const until = ITEMS + n; n < until; ) {
    passSome(n + ITEMS / 40)
    collect({ type: 'minor' })
  }
  return heapBytes() - before
}
