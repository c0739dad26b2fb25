import { describe, expect, it } from '@jest/globals'
import { fcmMessage } from '../../../src/adapters/push/fcm-message.js'
import { announcements } from '../../../src/dispatch/announcements/announcements.js'
import { pushKindOf, wakesPeople } from '../../../src/dispatch/announcements/socket-events.js'
import type { LeasedPush } from '../../../src/dispatch/ports.js'
import { pushMessage } from '../../../src/dispatch/push/message.js'
import { isStorableText, MAX_TRUCKS, putVehicle } from '../../../src/dispatch/requests.js'

const ID = '019a8c5e-7b1f-7c3d-9e2a-4f6b8d0c1e2f'
const leased = (content: Partial<LeasedPush['content']>): LeasedPush => ({
  envelopeId: `${ID}:2147483647:32767:9`,
  deviceId: '1',
  token: 'a-token',
  platform: 'android',
  content: {
    type: 'trip_assigned',
    broadcastId: ID,
    version: 2_147_483_647,
    title: 'New trip assigned',
    ...content,
  },
  isOffer: false,
  endsAt: 100_000,
  attempts: 0,
})

describe('a push', () => {
  it('R8.1 has at most 4,000 bytes, by construction: the longest of its kind has under half of it', () => {
    const number = '\u{1F69A}'.repeat(10)
    expect(putVehicle.safeParse({ vehicleType: 'x', number }).success && isStorableText(number)).toBe(true)
    const longest = [
      leased({ type: 'truck_confirmed', tripId: ID, title: `Truck ${number} confirmed` }),
      leased({
        type: 'no_vehicles_available',
        tripId: ID,
        title: 'A truck was given back. Ask again for it.',
      }),
    ]
    for (const push of longest) {
      const sent = { ...fcmMessage(pushMessage(push, 0)), token: '' }
      expect(Buffer.byteLength(JSON.stringify(sent))).toBeLessThan(2_000)
    }
  })

  it('R8.1 of an offer says how many trucks, collapses with nothing and lasts as long as it does', () => {
    const { title: _, ...content } = leased({ type: 'new_broadcast', trucks: MAX_TRUCKS }).content
    const message = pushMessage({ ...leased({}), content }, 40_000)
    expect(message).toMatchObject({ title: 'New request for 500 trucks', lifeMs: 60_000 })
    expect(message.data.expiresAt).toBe('1970-01-01T00:01:40.000Z')
    expect(message.collapseKey).toBeUndefined()
  })

  it.each([
    ['trip_assigned', undefined],
    ['trip_cancelled', undefined],
    ['truck_confirmed', ID],
    ['truck_released', ID],
    ['booking_expired', ID],
    ['no_vehicles_available', ID],
  ])('R8.1 of %s collapses with %s', (type, key) => {
    expect(pushMessage(leased({ type }), 0).collapseKey).toBe(key)
  })
})

describe('waking users', () => {
  it.each([
    ['new_broadcast', true],
    ['trip_assigned', true],
    ['trip_cancelled', true],
    ['truck_confirmed', true],
    ['truck_released', true],
    ['no_vehicles_available', true],
    ['booking_expired', true],
    ['booking_updated', false],
    ['driver_status_changed', false],
    ['an event of another release', false],
  ])('R1.4 R2.4 depends on the type of an event: %s wakes %p', (type, wakes) => {
    expect(wakesPeople({ id: 'x', type })).toBe(wakes)
    expect(wakesPeople({ type })).toBe(false)
  })

  it('R1.4 R2.4 follows the table: each announced event is pushed for its time', () => {
    const lives = Object.values(announcements)
      .flat()
      .map(({ type }) => [type, pushKindOf(type)?.lifeMs] as const)
    const hour = 3_600_000
    expect(Object.fromEntries(lives)).toEqual({
      booking_updated: undefined,
      booking_expired: hour,
      truck_confirmed: hour,
      truck_released: hour,
      no_vehicles_available: hour,
      trip_assigned: 24 * hour,
      trip_cancelled: 24 * hour,
    })
  })
})
