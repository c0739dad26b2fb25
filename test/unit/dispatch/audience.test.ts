import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { TOLD_TO_OFFERED } from '../../../src/adapters/postgres/resume-events-sql.js'
import { type Audience, announcements } from '../../../src/dispatch/announcements/announcements.js'
import { isToldTo, isToldWatching, roomsOf } from '../../../src/dispatch/announcements/audience.js'
import { broadcastRoom, userRoom } from '../../../src/dispatch/ports.js'

const rows = Object.values(announcements).flat()
const audiences = [...new Set(rows.map(({ to }) => to as Audience))]
const offered = ['t-offered', 't-assigned', 'c']
const users = ['c', 't-offered', 't-assigned', 'd', 'stranger']
const trip = { driver: { id: 'd' }, transporterId: 't-assigned' }

describe('R7.3 those who are told', () => {
  it('R7.3 by a resume are those whose rooms hear it live, for every audience, with a trip and without', async () => {
    expect(audiences.length).toBeGreaterThan(4)
    for (const concerned of [
      { customerId: 'c', trip },
      { customerId: 'c', trip: undefined },
    ]) {
      for (const to of audiences) {
        const { rooms, except } = await roomsOf(to, 'b', concerned, async () => offered)
        const hears = (user: string, ...joined: string[]) => {
          const all = [userRoom(user), ...joined]
          return all.some(room => rooms.includes(room)) && !all.some(room => except.includes(room))
        }
        for (const user of users) {
          const isOffered = offered.includes(user)
          expect([to, user, isToldTo(user, to, concerned, isOffered)]).toEqual([to, user, hears(user)])
          // Who watches is in both rooms, and so is told what either hears.
          const isTold = isToldWatching(user, to, concerned) || isToldTo(user, to, concerned, isOffered)
          expect([to, user, isTold]).toEqual([to, user, hears(user, broadcastRoom('b'))])
        }
      }
    }
  })

  it('R7.3 events told to those who were offered a request are the ones looked for among their offers', () => {
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
