import { describe, expect, it } from '@jest/globals'
import { createRandom } from '../../../demo/random.js'

const draw = (seed: number | string, count = 20) => {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

describe('seeded chance', () => {
  it('gives the same sequence for the same seed and another for another', () => {
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })

  it('stays the same between releases, so that a seed in a report can be replayed', () => {
    expect(draw(7, 3).map(value => value.toFixed(6))).toMatchInlineSnapshot(`
[
  "0.517435",
  "0.605317",
  "0.126605",
]
`)
  })

  it('gives a fork the same sequence, however much was drawn before', () => {
    const [fresh, used] = [createRandom(7), createRandom(7)]
    for (let i = 0; i < 10; i += 1) used.next()
    expect(used.fork('t1').next()).toBe(fresh.fork('t1').next())
    expect(fresh.fork('t1').next()).not.toBe(fresh.fork('t2').next())
  })

  it('draws whole numbers from both ends and everything between, evenly', () => {
    const random = createRandom(1)
    const counts = new Map<number, number>()
    for (let i = 0; i < 6_000; i += 1) {
      const value = random.int(1, 6)
      counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6])
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })

  it('picks by weight, never an item of weight zero, and fails for an empty list', () => {
    const random = createRandom(2)
    const picks = Array.from({ length: 4_000 }, () =>
      random.pickWeighted(['a', 'b', 'c'], item => ({ a: 3, b: 1 })[item] ?? 0),
    )
    expect(picks).not.toContain('c')
    expect(picks.filter(pick => pick === 'a').length / picks.length).toBeCloseTo(0.75, 1)
    expect(() => random.pick([])).toThrow('nothing to pick from')
  })

  it('reacts like people: half of the times below the median, and none outside the bounds', () => {
    const random = createRandom(3)
    const times = Array.from({ length: 4_000 }, () => random.logNormal(1_200, 0.6, 300, 4_000))
    expect(times.filter(time => time < 1_200).length / times.length).toBeCloseTo(0.5, 1)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(300)
    expect(Math.max(...times)).toBe(4_000)
  })
})
