import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { measured, megabytesOf, readDocument } from '../../support/growth/document.js'
import { everybody, growth, type TestCaps } from '../../support/growth/hostile.js'
import {
  allRoutes,
  attack,
  grownBy,
  hostileRoutes,
  openTheatre,
  read,
  readingRoutes,
  type Theatre,
} from '../../support/growth/run.js'
import { createClient, listen } from '../../support/server/clients.js'

/** Each is reached within the attempts, and one window of time stands for all. */
const CAPS: TestCaps = { creates: 4, cancels: 3, releases: 2, trips: 50, keys: 5, actions: 5, fleet: 5 }
const ATTEMPTS = 7
/** The documented figure may exceed the measured one, but not by more than this, or the document is outdated. */
const SLACK = 2
/** Below it nobody sizes a disk by the difference. */
const SMALL_KB = 0.6

const stated = readDocument()
let theatre: Theatre
beforeAll(async () => {
  theatre = await openTheatre(CAPS)
})
afterAll(() => theatre.close())

test('R11.4 every route documents how many rows one person can create, in the test and in docs/GROWTH.md', () => {
  expect(Object.keys(growth).sort()).toEqual(allRoutes.map(({ id }) => id).sort())
  expect([...stated.keys()].sort()).toEqual(hostileRoutes.map(([route]) => route).sort())
})

describe('R11.4 one hostile person creates no more than the caps allow, and than is documented', () => {
  test.each(hostileRoutes)('by %s', async (route, hostile) => {
    const grown = await attack(theatre, route, hostile, ATTEMPTS)
    const most: Record<string, number> = { ...everybody(CAPS) }
    for (const [table, rows] of Object.entries(hostile.most(CAPS))) most[table] = (most[table] ?? 0) + rows
    for (const [table, { rows }] of Object.entries(grown)) {
      expect([table, rows]).toEqual([table, Math.min(rows, most[table] ?? 0)])
    }

    const found = measured(hostile, grown)
    const row = stated.get(route)
    expect([row?.cap, row?.most]).toEqual([found.cap, found.most])
    expectStated('KB', row?.kilobytes, found.kilobytes)
    expectStated('KB of a key', row?.keyKilobytes, found.keyKilobytes)
    expect(row?.megabytes).toBeCloseTo(megabytesOf(hostile.unit, row?.kilobytes ?? 0), 1)
  })

  test('by no route that only reads or deletes', async () => {
    const {
      users,
      people = users,
      ...others
    } = await grownBy(theatre.app, async () => {
      for (const route of readingRoutes) await read(theatre, route, 2)
    })
    expect(others).toEqual({})
    // One for each role.
    expect([users?.rows ?? 0, people?.rows ?? 0].every(rows => rows <= 5)).toBe(true)
  })

  test('by no message on a socket', async () => {
    const { app, scene } = theatre
    const {
      users,
      people = users,
      ...others
    } = await grownBy(app, async () => {
      for (const role of ['customer', 'transporter', 'driver', 'admin'] as const) {
        const { token } = await createClient(app.url, role, `socket-${role}`)
        const socket = await listen(app.url, token)
        for (let n = 0; n < 5; n++) {
          await socket.send('heartbeat', role === 'driver' ? { lat: n, lng: n } : {})
          await socket.send('watch', { broadcastId: scene.id })
          await socket.send('unwatch', { broadcastId: scene.id })
          await socket.send('nonsense', { text: 'x'.repeat(1_000) })
        }
        socket.close()
      }
    })
    expect(others).toEqual({})
    expect([users?.rows ?? 0, people?.rows ?? 0].every(rows => rows <= 4)).toBe(true)
  })
})

function expectStated(unit: string, given: number | undefined, found: number | undefined): void {
  if (found === undefined) {
    expect([unit, given]).toEqual([unit, undefined])
    return
  }
  const isRight = given !== undefined && found <= given && given <= Math.max(found * SLACK, SMALL_KB)
  expect([unit, given]).toEqual([unit, isRight ? given : `${found.toFixed(2)} was measured`])
}
