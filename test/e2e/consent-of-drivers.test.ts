/*
 * A process of the previous release runs beside this one. It knows nothing of consent and adds drivers without an
 * agreement. Its additions are invitations, and existing drivers continue to work on both.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { migrate } from '../../src/adapters/postgres/schema/migrate.js'
import type { Role } from '../../src/dispatch/person.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import {
  buildPreviousRelease,
  previousReleaseForTests,
  WITHOUT_CONSENT,
} from '../support/processes/previous-release.js'
import { call } from '../support/server/clients.js'
import { asking } from '../support/server/fleet.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'
import { tokenFor } from '../support/server/tokens.js'

const { describeWithPreviousRelease } = await previousReleaseForTests(WITHOUT_CONSENT)

describeWithPreviousRelease('beside the release before', () => {
  let database: TestDatabase
  let before: ServerProcess
  let now: ServerProcess

  const as =
    (server: ServerProcess, role: Role, id: string) =>
    async (method: string, path: string, body?: object) => {
      const headers = {
        authorization: `Bearer ${await tokenFor(role, id)}`,
        'content-type': 'application/json',
      }
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      // The release before answers by its own document.
      if (server === now) return call(server.url, method, path, init)
      const response = await fetch(`${server.url}${path}`, init)
      // biome-ignore lint/suspicious/noExplicitAny: the answer of any route
      return { status: response.status, body: (await response.json().catch(() => '')) as any }
    }
  const fleet = '/api/v1/transporter'
  const vehicle = { vehicleType: '14ft', number: 'DL 1' }
  let requests = 0
  /** The status or code of an accept, of a request of its own. */
  async function acceptOn(server: ServerProcess, transporter: string, driverId: string, vehicleId: string) {
    const made = await as(now, 'customer', `c${++requests}`)('POST', '/api/v1/broadcasts', asking(1))
    const accept = as(server, 'transporter', transporter)
    const answer = await accept('POST', `/api/v1/broadcast/${made.body.id}/accept`, { driverId, vehicleId })
    if (answer.status === 200) {
      await accept('POST', `/api/v1/trips/${answer.body.assignment.tripId}/events`, { type: 'release' })
    }
    return answer.body.code ?? answer.status
  }

  beforeAll(async () => {
    const release = await buildPreviousRelease(WITHOUT_CONSENT)
    database = await createTestDatabase({ empty: true })
    const env = { ...processEnvironment, DATABASE_URL: database.connectionString, REACH_STEP_SECONDS: '60' }
    before = await startServerProcess(env, release.program)
    const owner = as(before, 'transporter', 'owner')
    await owner('PUT', `${fleet}/drivers/old-driver`, { name: 'Asha', phone: '1' })
    await owner('PUT', `${fleet}/vehicles/old-vehicle`, vehicle)
    await as(before, 'driver', 'old-driver')('PUT', '/api/v1/driver/availability', { isOnline: true })
    await migrate(database.connectionString)
    now = await startServerProcess(env)
  })
  afterAll(async () => {
    await before?.end('SIGTERM')
    await now?.end('SIGTERM')
    await database?.drop()
  })

  test('R11.3 existing drivers of a fleet count as agreed, and can be assigned and changed on both', async () => {
    expect((await as(now, 'transporter', 'owner')('GET', `${fleet}/drivers/old-driver`)).body).toMatchObject({
      id: 'old-driver',
      name: 'Asha',
      confirmed: true,
    })
    expect((await as(now, 'driver', 'old-driver')('GET', '/api/v1/driver/fleet')).body).toEqual({
      transporterId: 'owner',
      invitations: [],
    })
    for (const server of [before, now]) {
      expect(await acceptOn(server, 'owner', 'old-driver', 'old-vehicle')).toBe(200)
      const put = await as(server, 'transporter', 'owner')('PUT', `${fleet}/drivers/old-driver`, {
        name: 'Asha B',
      })
      expect([put.status, put.body.name]).toEqual([200, 'Asha B'])
      const beat = { lat: 28.6, lng: 77.2, vehicleId: 'old-vehicle' }
      expect(
        (await as(server, 'driver', 'old-driver')('POST', '/api/v1/driver/heartbeat', beat)).status,
      ).toBe(200)
    }
  })

  test('R11.3 drivers that a transporter adds are invitations, on both', async () => {
    await as(now, 'transporter', 'rival')('PUT', `${fleet}/drivers/new-driver`, { name: 'Asha' })
    const put = await as(before, 'transporter', 'owner')('PUT', `${fleet}/drivers/new-driver`, {
      name: 'Ravi',
    })
    expect([put.status, put.body.name]).toEqual([201, 'Ravi'])
    const again = await as(before, 'transporter', 'owner')('PUT', `${fleet}/drivers/new-driver`, {
      name: 'Ravi K',
    })
    expect(again.status).toBe(201)
    expect(await acceptOn(before, 'owner', 'new-driver', 'old-vehicle')).toBe('DRIVER_NOT_IN_FLEET')
    expect(await acceptOn(now, 'owner', 'new-driver', 'old-vehicle')).toBe('DRIVER_NOT_CONFIRMED')
    const driver = as(now, 'driver', 'new-driver')
    expect((await driver('GET', '/api/v1/driver/fleet')).body).toMatchObject({
      transporterId: null,
      invitations: [{ transporterId: 'owner' }, { transporterId: 'rival' }],
    })
    expect((await driver('POST', '/api/v1/driver/fleet', { transporterId: 'owner' })).status).toBe(200)
    for (const server of [before, now]) {
      expect(await acceptOn(server, 'owner', 'new-driver', 'old-vehicle')).toBe(200)
      const taken = await as(server, 'transporter', 'rival')('PUT', `${fleet}/drivers/new-driver`, {
        name: 'X',
      })
      expect(taken.body.code).toBe('DRIVER_TAKEN')
    }
    const listed = await as(before, 'transporter', 'owner')('GET', `${fleet}/drivers`)
    expect(listed.body.items.map(({ id, name }: { id: string; name: string }) => [id, name])).toEqual([
      ['new-driver', 'Ravi K'],
      ['old-driver', 'Asha B'],
    ])
  })

  test('R11.3 a driver that leaves has left on both, and a removed one is free', async () => {
    const driver = as(now, 'driver', 'new-driver')
    expect((await driver('DELETE', '/api/v1/driver/fleet')).status).toBe(204)
    for (const server of [before, now]) {
      expect(await acceptOn(server, 'owner', 'new-driver', 'old-vehicle')).toBe('DRIVER_NOT_IN_FLEET')
      expect((await as(server, 'transporter', 'owner')('GET', `${fleet}/drivers/new-driver`)).status).toBe(
        404,
      )
    }
    expect((await driver('POST', '/api/v1/driver/fleet', { transporterId: 'rival' })).status).toBe(200)
    const removed = await as(before, 'transporter', 'rival')('DELETE', `${fleet}/drivers/new-driver`)
    expect(removed.status).toBe(204)
    expect((await driver('GET', '/api/v1/driver/fleet')).body).toEqual({
      transporterId: null,
      invitations: [],
    })
    expect(await findViolations(database.connectionString)).toEqual([])
  })
})
