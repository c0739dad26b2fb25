import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { TOLD_TO_OFFERED } from '../../../src/adapters/postgres/product/resume-events.js'
import { type Audience, announcements } from '../../../src/dispatch/announcements/announcements.js'
import { isToldTo, isToldWatching, roomsOf } from '../../../src/dispatch/announcements/audience.js'
import { broadcastRoom, type Person, personKey, personRoom, type Role } from '../../../src/dispatch/ports.js'

const rows = Object.values(announcements).flat()
const audiences = [...new Set(rows.map(({ to }) => to as Audience))]
const offered = ['t-offered', 't-assigned', 'c']
const roles: readonly Role[] = ['customer', 'transporter', 'driver', 'admin']
/** Each id in each role: the customer's own id is also a transporter's that was offered the request. */
const people: readonly Person[] = ['c', 't-offered', 't-assigned', 'd', 'stranger'].flatMap(id =>
  roles.map(role => ({ role, id })),
)
const trip = { driver: { id: 'd' }, transporterId: 't-assigned' }

describe('R7.3 the audience', () => {
  it('R11.1 R7.3 of a resume is the one whose rooms get it live, for every audience, with a trip and without', async () => {
    expect(audiences.length).toBeGreaterThan(4)
    for (const concerned of [
      { customerId: 'c', trip },
      { customerId: 'c', trip: undefined },
    ]) {
      for (const to of audiences) {
        const { rooms, except } = await roomsOf(to, 'b', concerned, async () => offered)
        const hears = (person: Person, ...joined: string[]) => {
          const all = [personRoom(person), ...joined]
          return all.some(room => rooms.includes(room)) && !all.some(room => except.includes(room))
        }
        for (const person of people) {
          const name = personKey(person)
          const isOffered = offered.includes(person.id)
          expect([to, name, isToldTo(person, to, concerned, isOffered)]).toEqual([to, name, hears(person)])
          // Who watches is in both rooms, and so is told what either hears.
          const isTold = isToldWatching(person, to, concerned) || isToldTo(person, to, concerned, isOffered)
          expect([to, name, isTold]).toEqual([to, name, hears(person, broadcastRoom('b'))])
        }
      }
    }
  })

  it('R7.3 of events for those that were offered a request is found by their offers', () => {
    const told = Object.entries(announcements)
      .filter(([, said]) => (said as readonly { to: Audience }[]).some(({ to }) => to === 'offered'))
      .map(([type]) => type)
    expect([...TOLD_TO_OFFERED].sort()).toEqual(told.sort())
    // The index of late events names the same types.
    const [, types = ''] =
      /events_late_ends .*ARRAY\[(.*)\]/.exec(readFileSync('migrations/schema.txt', 'utf8')) ?? []
    expect([...types.matchAll(/'(.+?)'/g)].map(([, type]) => type).sort()).toEqual(told.sort())
  })
})
