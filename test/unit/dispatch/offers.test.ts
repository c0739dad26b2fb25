import { describe, expect, it } from '@jest/globals'
import { byDistance } from '../../../src/dispatch/reach/offers.js'

const at = (...distances: (number | null)[]) =>
  distances.map((distanceKm, i) => ({ transporterId: `t${i}`, distanceKm }))
const shown = (...distances: (number | null)[]) => byDistance(at(...distances)).map(group => group.distanceKm)

describe('an offer', () => {
  it('R6.1 is sent nearest first, and last to those whose distance is unknown', () => {
    expect(byDistance(at(7.2, null, 0.4, 6.9, 31))).toEqual([
      { distanceKm: 0, transporters: ['t2'] },
      { distanceKm: 7, transporters: ['t0', 't3'] },
      { distanceKm: 31, transporters: ['t4'] },
      { distanceKm: undefined, transporters: ['t1'] },
    ])
    expect(byDistance([])).toEqual([])
  })

  it('shows whole kilometres while that makes few groups, and coarser ones otherwise', () => {
    const crowd = (from: number, to: number) =>
      shown(...Array.from({ length: 10_000 }, (_, i) => from + ((to - from) * i) / 9_999))
    expect(crowd(0.6, 9.4)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(crowd(0, 10)).toEqual([0, 2, 4, 6, 8, 10])
    expect(crowd(10, 25)).toEqual([10, 12, 14, 16, 18, 20, 22, 24, 26])
    expect(crowd(50, 75)).toEqual([50, 55, 60, 65, 70, 75])
    expect(crowd(0, 20_037).length).toBeLessThanOrEqual(10)
  })
})
