/* What every presence must do, in the process or in Redis: run by each side's own test. */
import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Point, Presence } from '../../../src/dispatch/ports.js'

export interface PresenceUnderTest {
  readonly presence: Presence
  /** Moves its clock on. */
  passTime(ms: number): Promise<void> | void
}

export const TRANSPORTER_TTL_MS = 120_000
export const DRIVER_TTL_MS = 60_000

const DELHI: Point = { lat: 28.61, lng: 77.2 }
const KM_PER_DEGREE = 111.195

const north = (km: number, from = DELHI): Point => ({ lat: from.lat + km / KM_PER_DEGREE, lng: from.lng })

export function presenceContract(open: () => Promise<PresenceUnderTest> | PresenceUnderTest): void {
  let presence: Presence
  let passTime: (ms: number) => Promise<void> | void

  beforeEach(async () => {
    const opened = await open()
    presence = opened.presence
    passTime = opened.passTime
  })

  const put = (driverId: string, place?: Point, { vehicleType = '14ft', transporterId = 't1' } = {}) =>
    presence.putDriver(driverId, {
      transporterId,
      vehicle: { id: `v-${driverId}`, vehicleType },
      ...(place === undefined ? {} : { place }),
    })
  const nearby = async (radiusKm: number, types = ['14ft'], limit = 100, from = DELHI) =>
    (await presence.nearby(from, radiusKm, types, limit)).map(driver => driver.driverId)
  const isOnline = async (driverId: string) =>
    (await presence.driverStates([driverId])).get(driverId)?.isOnline

  describe('a transporter', () => {
    it('is present from its first heartbeat until its TTL after the last one', async () => {
      expect(await presence.presentAmong(['t1', 't2'])).toEqual(new Set())
      await presence.touchTransporters(['t1'])
      await passTime(TRANSPORTER_TTL_MS - 1)
      expect(await presence.presentAmong(['t1', 't2'])).toEqual(new Set(['t1']))
      await presence.touchTransporters(['t1'])
      await passTime(TRANSPORTER_TTL_MS - 1)
      expect(await presence.presentAmong(['t1'])).toEqual(new Set(['t1']))
      await passTime(1)
      expect(await presence.presentAmong(['t1'])).toEqual(new Set())
    })

    it('is reported as new when it comes, and when it comes back', async () => {
      expect(await presence.touchTransporters(['t1', 't2'])).toEqual(new Set(['t1', 't2']))
      expect(await presence.touchTransporters(['t1', 't3'])).toEqual(new Set(['t3']))
      await passTime(TRANSPORTER_TTL_MS)
      expect(await presence.touchTransporters(['t1'])).toEqual(new Set(['t1']))
    })

    it('is absent when it is dropped', async () => {
      await presence.touchTransporters(['t1', 't2'])
      await presence.dropTransporter('t1')
      expect(await presence.presentAmong(['t1', 't2'])).toEqual(new Set(['t2']))
    })
  })

  describe('a driver', () => {
    it('is unknown until it is put, and a heartbeat of an unknown one changes nothing', async () => {
      expect(await presence.beatDriver('d1', DELHI)).toEqual({ isKnown: false })
      expect(await presence.driverStates(['d1'])).toEqual(new Map())
      expect(await nearby(10)).toEqual([])
    })

    it('is online for its TTL after the last heartbeat, and the next heartbeat reports that it is back', async () => {
      expect(await put('d1', DELHI)).toEqual({ wasOnline: false })
      expect(await put('d1')).toEqual({ wasOnline: true })
      await passTime(DRIVER_TTL_MS - 1)
      expect(await isOnline('d1')).toBe(true)
      expect(await presence.beatDriver('d1', DELHI)).toEqual({
        isKnown: true,
        transporterId: 't1',
        vehicleId: 'v-d1',
        wasLapsed: false,
        isFirstPlace: false,
      })
      await passTime(DRIVER_TTL_MS)
      expect(await isOnline('d1')).toBe(false)
      expect(await nearby(10)).toEqual([])
      expect(await presence.beatDriver('d1', undefined)).toMatchObject({ wasLapsed: true })
      expect(await nearby(10)).toEqual(['d1'])
    })

    it('has no place until it reports one, and keeps the last reported one', async () => {
      await put('d1')
      expect(await nearby(10)).toEqual([])
      expect(await presence.driversOf('t1')).toEqual([])
      expect(await presence.beatDriver('d1', north(3))).toMatchObject({ isFirstPlace: true })
      expect(await presence.beatDriver('d1', undefined)).toMatchObject({ isFirstPlace: false })
      const state = (await presence.driverStates(['d1'])).get('d1')
      expect(state?.place?.lat).toBeCloseTo(north(3).lat, 4)
      expect(await presence.driversOf('t1')).toEqual([
        {
          driverId: 'd1',
          vehicleType: '14ft',
          lat: expect.closeTo(north(3).lat, 4),
          lng: expect.closeTo(77.2, 4),
        },
      ])
    })

    it('is found at its present place, not at earlier ones', async () => {
      await put('d1', north(1))
      await presence.beatDriver('d1', north(40))
      expect(await nearby(10)).toEqual([])
      expect(await nearby(10, ['14ft'], 10, north(40))).toEqual(['d1'])
    })

    it('counts with its present vehicle, and not at all without one', async () => {
      await put('d1', DELHI)
      await presence.setVehicle(['d1', 'unknown'], { id: 'v2', vehicleType: '20ft' })
      expect([await nearby(10, ['14ft']), await nearby(10, ['20ft'])]).toEqual([[], ['d1']])
      expect(await presence.beatDriver('d1', DELHI)).toMatchObject({ vehicleId: 'v2' })
      await presence.setVehicle(['d1'], undefined)
      expect(await nearby(10, ['14ft', '20ft'])).toEqual([])
      expect(await isOnline('d1')).toBe(true)
      await put('d1')
      expect(await nearby(10, ['14ft'])).toEqual(['d1'])
      expect(await presence.driverStates(['unknown'])).toEqual(new Map())
    })

    it('is absent when it is dropped', async () => {
      await put('d1', DELHI)
      expect(await presence.dropDriver('d1')).toEqual({ wasOnline: true })
      expect(await presence.dropDriver('d1')).toEqual({ wasOnline: false })
      expect(await nearby(10)).toEqual([])
      expect(await presence.driversOf('t1')).toEqual([])
      expect(await presence.beatDriver('d1', DELHI)).toEqual({ isKnown: false })
    })

    it('R11.3 keeps no place when it moves to another transporter', async () => {
      await put('d1', DELHI)
      await put('d1', undefined, { transporterId: 't2' })
      expect((await presence.driverStates(['d1'])).get('d1')?.place).toBeUndefined()
      expect(await presence.driversOf('t2')).toEqual([])
      expect(await presence.nearby(DELHI, 10, ['14ft'], 10)).toEqual([])
    })

    it('belongs to the transporter of its last put', async () => {
      await put('d1', DELHI)
      await put('d1', DELHI, { transporterId: 't2' })
      expect(await presence.driversOf('t1')).toEqual([])
      expect(await presence.driversOf('t2')).toHaveLength(1)
    })

    it('that expired is reported once for each expiry, and not at all if it was dropped', async () => {
      await put('d1', DELHI)
      await put('d2', DELHI)
      expect(await presence.lapsedDrivers()).toEqual([])
      await presence.dropDriver('d2')
      await passTime(DRIVER_TTL_MS)
      expect(await presence.lapsedDrivers()).toEqual([{ driverId: 'd1', transporterId: 't1' }])
      expect(await presence.lapsedDrivers()).toEqual([])
      await presence.beatDriver('d1', DELHI)
      expect(await presence.lapsedDrivers()).toEqual([])
      await passTime(DRIVER_TTL_MS)
      expect(await presence.lapsedDrivers()).toEqual([{ driverId: 'd1', transporterId: 't1' }])
    })
  })

  describe('a search', () => {
    it('finds drivers within the radius, nearest first, with their distance, up to the limit', async () => {
      for (const km of [9, 24, 3, 26, 49]) await put(`at-${km}`, north(km), { transporterId: `t-${km}` })
      expect(await nearby(10)).toEqual(['at-3', 'at-9'])
      expect(await nearby(25)).toEqual(['at-3', 'at-9', 'at-24'])
      expect(await nearby(50, ['14ft'], 4)).toEqual(['at-3', 'at-9', 'at-24', 'at-26'])
      const [nearest] = await presence.nearby(DELHI, 10, ['14ft'], 1)
      expect(nearest).toEqual({ driverId: 'at-3', transporterId: 't-3', distanceKm: expect.closeTo(3, 1) })
    })

    it('finds several types at once, sorted by distance over all of them', async () => {
      await put('small-far', north(9))
      await put('large-near', north(2), { vehicleType: '32ft_mxl' })
      await put('other', north(1), { vehicleType: '20ft' })
      expect(await nearby(10, ['14ft', '32ft_mxl'])).toEqual(['large-near', 'small-far'])
      expect(await nearby(10, [])).toEqual([])
    })

    it('works across the date line and around the pole', async () => {
      await put('west', { lat: -16.5, lng: -179.95 })
      expect(await nearby(25, ['14ft'], 10, { lat: -16.5, lng: 179.95 })).toEqual(['west'])
      await put('arctic', { lat: 85, lng: 170 })
      expect(await nearby(1_200, ['14ft'], 10, { lat: 85, lng: -10 })).toEqual(['arctic'])
    })

    it('covers the earth with a radius of half its circumference', async () => {
      await put('d1', { lat: -33.87, lng: 151.2 })
      expect(await nearby(20_037)).toEqual(['d1'])
    })
  })
}
