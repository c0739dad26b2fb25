import { describe, expect, it } from '@jest/globals'
import { covers } from '../../../src/dispatch/reach/catch-up.js'
import { distanceKm } from '../../../src/dispatch/reach/distance.js'

describe('R6.2 the reach of a request', () => {
  const request = (reach: string) => ({
    id: '1',
    pickup: { lat: 0, lng: 0 },
    reach,
    reachStepsKm: [10, 25],
    openTypes: ['x'],
  })

  it.each([
    ['step_1', 10, true],
    ['step_1', 10.1, false],
    ['step_2', 25, true],
    ['step_2', undefined, false],
    ['step_3', 1, false],
    ['everyone', undefined, true],
    ['done', 9_000, true],
  ])('at %s and %s km covers: %s', (reach, km, expected) => {
    expect(covers(request(reach), km)).toBe(expected)
  })

  it('is measured along the great circle', () => {
    const delhi = { lat: 28.6139, lng: 77.209 }
    const mumbai = { lat: 19.076, lng: 72.8777 }
    expect(distanceKm(delhi, mumbai)).toBeCloseTo(1_148, -1)
    expect(distanceKm(delhi, delhi)).toBe(0)
    expect(distanceKm({ lat: 0, lng: 179.5 }, { lat: 0, lng: -179.5 })).toBeCloseTo(111.2, 0)
    expect(distanceKm({ lat: 90, lng: 0 }, { lat: -90, lng: 0 })).toBeCloseTo(20_015, 0)
  })
})
