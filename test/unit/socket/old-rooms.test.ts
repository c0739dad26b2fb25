import { describe, expect, it } from '@jest/globals'
import { Peers, PROTOCOL } from '../../../src/adapters/postgres/engine/peers.js'
import { fromOldRooms, oldRoomsOf } from '../../../src/adapters/socket/cluster/old-rooms.js'
import { announcements } from '../../../src/dispatch/announcements/announcements.js'
import { personRoom } from '../../../src/dispatch/ports.js'

const envelope = (type: string, data: Record<string, unknown> = {}) => ({ type, at: '', data })

describe('R11.1 rooms of the previous release', () => {
  it('are named beside those of people, whatever characters the id has', () => {
    const rooms = ['broadcast:b', personRoom({ role: 'driver', id: 'd:1' })]
    expect(oldRoomsOf(rooms)).toEqual(['user:d:1'])
  })

  it('are those of the person that the event is meant for', () => {
    const trip = { driverId: 'd', transporterId: 't' }
    const to = (type: string, id: string, data?: Record<string, unknown>) =>
      fromOldRooms({ rooms: [`user:${id}`], except: [] }, envelope(type, data)).rooms
    expect(to('trip_assigned', 'd', { trip })).toEqual(['person:driver:d'])
    expect(to('trip_cancelled', 'd', { trip })).toEqual(['person:driver:d'])
    expect(to('trip_cancelled', 't', { trip })).toEqual(['person:transporter:t'])
    expect(to('trip_cancelled', 'c', { trip })).toEqual([])
    expect(to('trip_cancelled', 'd')).toEqual([])
    expect(to('booking_expired', 'c', { retry: { href: '' } })).toEqual(['person:customer:c'])
    expect(to('booking_expired', 't', { reason: 'timeout' })).toEqual(['person:transporter:t'])
    expect(to('booking_updated', 'c')).toEqual(['person:customer:c'])
    expect(to('new_broadcast', 'driver:t')).toEqual(['person:transporter:driver:t'])
    expect(to('driver_status_changed', 't')).toEqual(['person:transporter:t'])
    expect(to('something_new', 'x')).toEqual([])
  })

  it('of every announcement have a person', () => {
    const trip = { driverId: 'x', transporterId: 'x' }
    for (const { type } of Object.values(announcements).flat()) {
      const { rooms } = fromOldRooms({ rooms: ['user:x'], except: [] }, envelope(type, { trip }))
      expect([type, rooms.length > 0]).toEqual([type, true])
    }
  })

  it('leave out the customer, and keep the rooms of requests', () => {
    const told = { rooms: ['broadcast:b', 'user:t'], except: ['broadcast:a', 'user:c'] }
    expect(fromOldRooms(told, envelope('booking_expired'))).toEqual({
      rooms: ['broadcast:b', 'person:transporter:t'],
      except: ['broadcast:a', 'person:customer:c'],
    })
  })

  it('are not read from messages of this release, which name both kinds', () => {
    const both = { rooms: ['person:driver:x', 'user:x'], except: [] }
    expect(fromOldRooms(both, envelope('trip_assigned'))).toEqual(both)
  })
})

describe('R11.1 the release of other processes', () => {
  it('may be the previous one until each has announced itself, and a new process is noticed once', () => {
    const peers = new Peers()
    let came = 0
    peers.onOldCame(() => came++)
    expect(peers.areOld()).toBe(true)
    peers.note(null)
    expect(peers.areOld()).toBe(false)
    peers.note(1)
    peers.note(1)
    expect([peers.areOld(), came]).toEqual([true, 1])
    peers.note(PROTOCOL)
    expect(peers.areOld()).toBe(false)
    peers.note(PROTOCOL + 1)
    expect([peers.areOld(), came]).toEqual([false, 1])
  })
})
