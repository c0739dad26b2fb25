import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import { access } from '../../../src/dispatch/access.js'
import { ROLES } from '../../../src/dispatch/person.js'
import { documentedAnswers, seen } from '../../support/api/document-check.js'
import {
  type Actor,
  actors,
  bodyFor,
  clientOf,
  createScene,
  expire,
  pathIn,
  publicRoutes,
  roleOf,
  routes,
  type Scene,
  send,
} from '../../support/api/scene.js'
import { type Answer, call, createClient } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'
import { TEST_REFRESH_SECRET, tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

/*
 * Provokes every documented answer on a real server; `call` checks each answer against the OpenAPI document. The last
 * test lists the documented answers that were never seen.
 */

const RELEASES = 3

let scene: Scene

const app = await useTestApp({
  env: {
    BROADCAST_TIMEOUT_SECONDS: '3600',
    REACH_STEP_SECONDS: '3600',
    TRUSTED_PROXIES: '1',
    RELEASES_PER_REQUEST: String(RELEASES),
  },
})

beforeAll(async () => {
  scene = await createScene(app)
})

/** A caller with a role that may call the route. */
const actorFor = (route: (typeof routes)[number]): Actor =>
  actors.find(actor => route.roles.includes(roleOf[actor])) ?? 'admin'

function raw(
  route: (typeof routes)[number],
  token: string | undefined,
  init: RequestInit = {},
  path = pathIn(scene, route),
) {
  return call(app.url, route.method.toUpperCase(), path, {
    ...init,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...init.headers,
    },
  })
}

const nobodys = { id: '01890a5d-ac96-774b-bcce-b302099a8057', other: 'nobody' }

describe.each(routes)('$id', route => {
  const actor = actorFor(route)
  const token = () => clientOf(scene, actor).token
  const command = route.commands.find(name => roleOf[actor] in access[name]) ?? ''
  const body = () => {
    const value = bodyFor(scene, route, command, actor)
    return value === undefined ? {} : { body: JSON.stringify(value) }
  }

  test('knows its callers', async () => {
    await raw(route, undefined, body())
    const role = route.roles[0] ?? 'admin'
    await scene.admin.put(`/api/v1/admin/users/${role}/off-${role}`, { active: false })
    await raw(route, await tokenFor(role, `off-${role}`), body())
    const stranger = ROLES.find(r => !route.roles.includes(r))
    if (stranger !== undefined) await raw(route, await tokenFor(stranger, `wrong-${stranger}`), body())
  })

  test('knows the valid input', async () => {
    if (route.params !== undefined) {
      await raw(route, token(), body(), pathIn(scene, { path: route.path.replace(/:\w+(?!.*:)/, '%zz') }))
      const path = route.path.replaceAll(/:(id|tripId)/g, nobodys.id).replaceAll(/:\w+/g, nobodys.other)
      if (!route.namesNewId)
        await raw(route, token(), body(), path.replace(/dead-letters\/[^/]+/, 'dead-letters/9'))
    }
    if (route.query !== undefined) await raw(route, token(), {}, `${pathIn(scene, route)}?limit=0`)
    if (route.isConditional) await raw(route, token(), { ...body(), headers: { 'if-match': '"99"' } })
    if (route.method === 'post' || route.method === 'put') {
      await raw(route, token(), { ...body(), headers: { 'idempotency-key': '\u00e9' } })
    }
    if (route.body !== undefined) {
      await raw(route, token(), { body: '{' })
      await raw(route, token(), { body: JSON.stringify({ surprise: true }) })
      await raw(route, token(), { body: JSON.stringify({ reason: 'x'.repeat(1_100_000) }) })
    }
  })
})

describe('a key that was used with another payload', () => {
  // After a logout its caller is nobody: sessions.test.ts.
  const keyed = routes.filter(({ method, id }) => (method === 'post' || method === 'put') && id !== 'logout')
  test.each(keyed)('$id', async route => {
    const own = await createScene(app)
    if (route.id === 'retryBroadcast') await expire(app, own)
    const actor =
      route.id === 'sendToTrip' ? 'driver' : route.id.startsWith('create') ? 'otherCustomer' : actorFor(route)
    const command =
      route.commands.find(name => ['broadcast.cancel', 'trip.start'].includes(name)) ??
      route.commands[0] ??
      ''
    const path = pathIn(own, route)
    const headers = { 'idempotency-key': 'k' }
    const value = bodyFor(own, route, command, actor) as Record<string, unknown> | undefined
    const client = clientOf(own, actor)
    const first = await client[route.method as 'post'](path, value, headers)
    expect([first.status, first.body.code]).toEqual([expect.any(Number), undefined])
    const again = await client[route.method as 'post'](path, value, headers)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    const other = otherPayload(route.id, value)
    if (other === undefined) return
    const reused = await client[route.method as 'post'](path, other, headers)
    expect(reused.body.code).toBe('IDEMPOTENCY_KEY_REUSED')
  })

  /** A second payload that fits as well; some routes take only one. */
  function otherPayload(id: string, value: Record<string, unknown> | undefined): unknown {
    switch (id) {
      case 'retryBroadcast':
      case 'endSessions':
        return undefined
      case 'acceptBroadcast':
        return { ...value, driverId: 'other' }
      case 'sendToTrip':
        return { type: 'complete' }
      case 'setTransporterAvailability':
        return { isAvailable: false }
      case 'setDriverAvailability':
        return { isOnline: false }
      case 'registerDevice':
        return { ...value, platform: 'ios' }
      case 'putUser':
        return { active: false }
      case 'joinFleet':
        return { transporterId: 'other' }
      case 'putDriver':
        return { name: 'Other' }
      case 'putVehicle':
        return { ...value, number: 'Other' }
      case 'transporterHeartbeat':
        return { lat: 1, lng: 1 }
      case 'driverHeartbeat':
        return { lat: 1, lng: 1 }
      case 'sendToBroadcast':
      case 'cancelBooking':
      case 'declineBroadcast':
        return { ...value, reason: 'Another' }
      case 'sendToInstance':
      case 'redriveDeadLetter':
      case 'dropDeadLetter':
        return { ...value, reason: 'Another' }
      default:
        return { ...value, notes: 'Another' }
    }
  }
})

describe('requests refused for their content', () => {
  const code = (answer: Answer) => answer.body.code
  /** The three ways in which an accept, a cancel or a decline may come. */
  const accepts = (who: Scene, truck: { driverId: string; vehicleId: string }, as: Actor = 'party') => {
    const client = clientOf(who, as)
    return Promise.all([
      client.post(`/api/v1/broadcast/${who.id}/accept`, truck),
      client.post(`/api/v1/broadcasts/${who.id}/events`, { type: 'accept', ...truck }),
      who.admin.post(`/api/v1/admin/instances/${who.id}/events`, {
        event: {
          type: 'accept',
          transporterId: client.id,
          driver: { id: truck.driverId, name: 'A' },
          vehicle: {
            id: truck.vehicleId,
            number: '1',
            vehicleType: as === 'stranger' ? 'other' : who.vehicleType,
          },
        },
        reason: 'A test',
      }),
    ])
  }
  const declines = async (who: Scene, as: Actor = 'offered') => {
    const client = clientOf(who, as)
    await client.post(`/api/v1/broadcast/${who.id}/decline`, {})
    return client.post(`/api/v1/broadcasts/${who.id}/events`, { type: 'decline' })
  }
  const cancels = async (who: Scene) => {
    await who.customer.put(`/api/v1/booking/${who.id}/cancel`, {})
    await who.admin.post(`/api/v1/admin/instances/${who.id}/events`, {
      event: { type: 'cancel' },
      reason: 'A test',
    })
    return who.customer.post(`/api/v1/broadcasts/${who.id}/events`, { type: 'cancel' })
  }

  test('accepts: fleet, type, busy, taken', async () => {
    const own = await createScene(app)
    const foreignDriver = { ...own.spare, driverId: own.stranger.driverId }
    expect((await accepts(own, foreignDriver)).map(code).slice(0, 2)).toEqual(
      Array(2).fill('DRIVER_NOT_IN_FLEET'),
    )
    const foreignVehicle = { ...own.spare, vehicleId: own.stranger.vehicleId }
    const second = await createScene(app)
    expect(
      (await accepts(second, { ...second.spare, vehicleId: foreignVehicle.vehicleId })).map(code).slice(0, 2),
    ).toEqual(Array(2).fill('VEHICLE_NOT_IN_FLEET'))
    const third = await createScene(app)
    expect((await accepts(third, acceptBody(third.stranger), 'stranger')).map(code)).toEqual(
      Array(3).fill('VEHICLE_TYPE_MISMATCH'),
    )
    const busyDriver = { driverId: third.party.driverId, vehicleId: third.spare.vehicleId }
    expect((await accepts(third, busyDriver)).map(code)).toEqual(Array(3).fill('DRIVER_BUSY'))
    const busyVehicle = { driverId: third.spare.driverId, vehicleId: third.party.vehicleId }
    expect((await accepts(third, busyVehicle)).map(code)).toEqual(Array(3).fill('VEHICLE_BUSY'))
  })

  test('after it was filled, cancelled or expired', async () => {
    const full = await createScene(app)
    for (let i = 0; i < 2; i++) {
      const truck = await registerTruck(app.url, `fills-${i}`, { vehicleType: full.vehicleType })
      await truck.transporter.post(`/api/v1/broadcast/${full.id}/accept`, acceptBody(truck))
    }
    expect((await accepts(full, full.spare)).map(code)).toEqual(Array(3).fill('NO_LONGER_AVAILABLE'))
    expect(code(await declines(full))).toBe('NO_LONGER_AVAILABLE')
    await full.party.driver.post(`/api/v1/trips/${full.tripId}/events`, { type: 'start' })
    expect(code(await cancels(full))).toBe('TOO_LATE_TO_CANCEL')

    const cancelled = await createScene(app)
    await cancels(cancelled)
    expect((await accepts(cancelled, cancelled.spare)).map(code)).toEqual(
      Array(3).fill('BROADCAST_CANCELLED'),
    )
    expect(code(await declines(cancelled))).toBe('BROADCAST_CANCELLED')
    const start = await cancelled.party.driver.post(`/api/v1/trips/${cancelled.tripId}/events`, {
      type: 'start',
    })
    expect(code(start)).toBe('BROADCAST_CANCELLED')

    const expired = await createScene(app)
    await expired.party.transporter.post(`/api/v1/trips/${expired.tripId}/events`, { type: 'release' })
    await expire(app, expired)
    expect((await accepts(expired, expired.spare)).map(code)).toEqual(Array(3).fill('BROADCAST_EXPIRED'))
    expect(code(await declines(expired))).toBe('BROADCAST_EXPIRED')
    const late = await cancels(expired)
    expect(late.body).toMatchObject({
      code: 'BROADCAST_EXPIRED',
      retry: { href: `/api/v1/broadcasts/${expired.id}/retry` },
    })
    expect(
      code(
        await expired.party.transporter.post(`/api/v1/trips/${expired.tripId}/events`, { type: 'release' }),
      ),
    ).toBe('EVENT_NOT_ALLOWED')
    expect(code(await declines(scene, 'party'))).toBeUndefined()
  })

  test('refusals of an administrator’s command', async () => {
    const { admin, id } = scene
    const path = `/api/v1/admin/instances/${id}/events`
    const sent = (event: object) => admin.post(path, { event, reason: 'A test' })
    expect(code(await sent({ type: 'trip.complete', tripId: scene.tripId }))).toBe('EVENT_NOT_ALLOWED')
    expect((await sent({ type: 'no.such' })).body).toMatchObject({ code: 'VALIDATION_FAILED' })
    expect((await sent({ type: 'cancel', surprise: 1 })).body).toMatchObject({ code: 'VALIDATION_FAILED' })
  })

  test('a second request, and a second retry', async () => {
    const own = await createScene(app)
    const place = { lat: 28.6, lng: 77.2 }
    const asked = { pickup: place, drop: place }
    const held = await Promise.all([
      own.customer.post('/api/v1/broadcasts', asking(1)),
      own.customer.post('/api/v1/booking', { ...asked, vehicleType: 'a', trucksNeeded: 1 }),
      own.customer.post('/api/v1/orders', { ...asked, truckRequests: [{ vehicleType: 'a', quantity: 1 }] }),
    ])
    for (const { body } of held) {
      expect(body).toMatchObject({ code: 'ACTIVE_BROADCAST_EXISTS', broadcastId: own.id })
    }
    const retry = `/api/v1/broadcasts/${own.id}/retry`
    expect(code(await own.customer.post(retry))).toBe('NOT_RETRYABLE')
    await expire(app, own)
    const other = await own.customer.post('/api/v1/broadcasts', asking(1))
    expect((await own.customer.post(retry)).body).toMatchObject({ code: 'ACTIVE_BROADCAST_EXISTS' })
    await own.customer.put(`/api/v1/booking/${other.body.id}/cancel`, {})
    const retried = await own.customer.post(retry)
    expect(retried.status).toBe(201)
    expect((await own.customer.post(retry)).status).toBe(200)
    await own.customer.put(`/api/v1/booking/${retried.body.id}/cancel`, {})
    expect((await own.customer.post(retry)).body).toMatchObject({
      code: 'NOT_RETRYABLE',
      broadcastId: retried.body.id,
    })
    for (const [path, body] of [
      ['/api/v1/booking', { ...asked, vehicleType: 'a', trucksNeeded: 1 }],
      ['/api/v1/orders', { ...asked, truckRequests: [{ vehicleType: 'a', quantity: 1 }] }],
      ['/api/v1/broadcasts', asking(1)],
    ] as const) {
      const client = await createClient(app.url, 'customer', `twice-${path.length}`)
      expect((await client.post(path, body)).status).toBe(201)
      expect((await client.post(path, body)).status).toBe(200)
    }
  })

  test('a device that is registered and removed', async () => {
    const device = { token: 'comes-and-goes', platform: 'web' }
    expect((await scene.customer.post('/api/v1/devices', device)).status).toBe(200)
    expect((await scene.customer.delete('/api/v1/devices', device)).status).toBe(204)
    expect((await scene.customer.delete('/api/v1/devices', device)).status).toBe(204)
    // As FCM writes them, in the path.
    const fcm = { token: 'fGw0qy4TQ2:APA91b-Hun4_M/x+y?z%25', platform: 'web' }
    const tokens = async () =>
      (await app.query('select token from devices where user_id = $1', [scene.customer.id])).map(
        ({ token }) => token,
      )
    expect((await scene.customer.post('/api/v1/devices', fcm)).status).toBe(200)
    expect(await tokens()).toEqual([fcm.token])
    const path = `/api/v1/devices/${encodeURIComponent(fcm.token)}`
    expect((await scene.otherCustomer.delete(path)).status).toBe(204)
    expect(await tokens()).toEqual([fcm.token])
    expect((await scene.customer.delete(path)).status).toBe(204)
    expect(await tokens()).toEqual([])
  })

  test('a driver that is invited, agrees, leaves and is turned off', async () => {
    const own = await createScene(app)
    const { transporter, driver, driverId } = own.party
    const [path, agreed] = ['/api/v1/driver/fleet', { transporterId: transporter.id }]
    const invited = await createClient(app.url, 'driver', 'invited-driver')
    const invite = () => transporter.put(`/api/v1/transporter/drivers/${invited.id}`, { name: 'X' })
    const truck = { driverId: invited.id, vehicleId: own.spare.vehicleId }
    const accept = async () => [
      code(await transporter.post(`/api/v1/broadcast/${own.id}/accept`, truck)),
      code(await transporter.post(`/api/v1/broadcasts/${own.id}/events`, { type: 'accept', ...truck })),
    ]
    expect((await invite()).body).toMatchObject({ confirmed: false, isOnline: false })
    expect(await accept()).toEqual(Array(2).fill('DRIVER_NOT_CONFIRMED'))
    expect((await invited.post(path, agreed)).body).toEqual({
      transporterId: transporter.id,
      invitations: [],
    })
    await own.admin.put(`/api/v1/admin/users/driver/${invited.id}`, { active: false })
    expect(await accept()).toEqual(Array(2).fill('DRIVER_INACTIVE'))
    await own.admin.put(`/api/v1/admin/users/driver/${invited.id}`, { active: true })
    // It signs in anew; a token of the second in which it was turned off is ended too.
    await new Promise(resolve => setTimeout(resolve, 1_010 - (Date.now() % 1_000)))
    const again = await createClient(app.url, 'driver', invited.id)
    expect((await again.delete(path)).status).toBe(204)
    expect(code(await again.post(path, agreed))).toBe('NOT_FOUND')
    expect(code(await driver.delete(path))).toBe('DRIVER_BUSY')
    const elsewhere =
      "insert into driver_invitations (driver_id, transporter_id, name) values ($1, 'elsewhere', 'X')"
    await app.query(elsewhere, [driverId])
    expect(code(await driver.post(path, { transporterId: 'elsewhere' }))).toBe('DRIVER_BUSY')
  })

  test('a fleet that others own, or that is on a trip', async () => {
    const { party, stranger, spare } = scene
    const fleet = '/api/v1/transporter'
    expect(code(await stranger.transporter.put(`${fleet}/drivers/${spare.driverId}`, { name: 'X' }))).toBe(
      'DRIVER_TAKEN',
    )
    const vehicle = { vehicleType: 'x', number: '1' }
    expect(code(await stranger.transporter.put(`${fleet}/vehicles/${spare.vehicleId}`, vehicle))).toBe(
      'VEHICLE_TAKEN',
    )
    expect(code(await party.transporter.put(`${fleet}/vehicles/${party.vehicleId}`, vehicle))).toBe(
      'VEHICLE_BUSY',
    )
    expect(code(await party.transporter.delete(`${fleet}/vehicles/${party.vehicleId}`))).toBe('VEHICLE_BUSY')
    expect(code(await party.transporter.delete(`${fleet}/drivers/${party.driverId}`))).toBe('DRIVER_BUSY')
    const added = await createScene(app)
    expect((await added.party.transporter.put(`${fleet}/drivers/new-driver`, { name: 'X' })).status).toBe(201)
    expect((await added.party.transporter.put(`${fleet}/vehicles/new-vehicle`, vehicle)).status).toBe(201)
    expect((await added.party.transporter.delete(`${fleet}/drivers/new-driver`)).status).toBe(204)
    expect((await added.party.transporter.delete(`${fleet}/vehicles/new-vehicle`)).status).toBe(204)
    const unknown = await createClient(app.url, 'driver', 'in-no-fleet')
    for (const [method, path, body] of [
      ['put', '/api/v1/driver/availability', { isOnline: true }],
      ['post', '/api/v1/driver/heartbeat', { lat: 1, lng: 1 }],
    ] as const) {
      expect(code(await unknown[method](path, body))).toBe('NOT_FOUND')
      const foreign = { ...body, vehicleId: stranger.vehicleId }
      expect(code(await party.driver[method](path, foreign))).toBe('VEHICLE_NOT_IN_FLEET')
    }
    const toggle = (isAvailable: boolean) => party.transporter.put(`${fleet}/availability`, { isAvailable })
    let answer = await toggle(false)
    for (let i = 0; answer.status === 200; i++) answer = await toggle(i % 2 === 0)
    expect(code(answer)).toBe('RATE_LIMITED')
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('a decline without an offer', async () => {
    const own = await createScene(app)
    const late = await registerTruck(app.url, 'not-offered', { vehicleType: own.vehicleType })
    await late.transporter.post(`/api/v1/broadcast/${own.id}/accept`, acceptBody(late))
    for (const [path, body] of [
      [`/api/v1/broadcast/${own.id}/decline`, {}],
      [`/api/v1/broadcasts/${own.id}/events`, { type: 'decline' }],
    ] as const) {
      expect(code(await late.transporter.post(path, body))).toBe('EVENT_NOT_ALLOWED')
    }
  })
})

test('the public routes', async () => {
  for (const { path, method } of publicRoutes) {
    await call(app.url, method.toUpperCase(), path.replace(':file', 'start.js'))
  }
  // As if it had come through the balancer.
  await call(app.url, 'GET', '/metrics', { headers: { 'x-forwarded-for': '198.51.100.1' } })
  await call(app.url, 'GET', '/docs/nothing.js')
  await call(app.url, 'GET', '/docs/%zz')
})

test('a logout', async () => {
  const leaver = await createClient(app.url, 'customer', 'leaver')
  expect((await leaver.post('/api/v1/auth/logout')).status).toBe(204)
})

test('a refresh token: valid, invalid, of a turned-off user; too many of them', async () => {
  const sent = (body: string) =>
    call(app.url, 'POST', '/api/v1/auth/refresh', { headers: { 'content-type': 'application/json' }, body })
  const tokenOf = (id: string) => signRefreshToken({ id, role: 'customer' }, TEST_REFRESH_SECRET)
  await scene.admin.put('/api/v1/admin/users/customer/off-refresh', { active: false })
  const answers = [
    await sent(JSON.stringify({ refreshToken: await tokenOf('refresher') })),
    await sent(JSON.stringify({ refreshToken: 'x' })),
    await sent(JSON.stringify({ refreshToken: await tokenOf('off-refresh') })),
    await sent('{'),
    await sent(JSON.stringify({ refreshToken: 'x'.repeat(1_100_000) })),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 401, 403, 400, 413])
})

describe('over the rate limit', () => {
  let limited: TestApp
  beforeAll(async () => {
    limited = await startTestApp({ env: { RATE_LIMIT_ADDRESS_PER_MINUTE: '1' } })
    await call(limited.url, 'GET', '/openapi.json')
  })
  afterAll(() => limited.close())

  test.each([...routes, ...publicRoutes.filter(route => route.isUnlimited !== true)])('$id', async route => {
    const path = pathIn(scene, route)
    expect((await call(limited.url, route.method.toUpperCase(), path)).status).toBe(429)
  })
})

test.each(routes.filter(route => route.method === 'get'))('$id reads', async route => {
  for (const actor of actors.filter(who => route.roles.includes(roleOf[who]))) {
    await send(clientOf(scene, actor), route, pathIn(scene, route))
  }
})

test('acceptBroadcast refuses a transporter that has reached its limit of releases for the request', async () => {
  const truck = await registerTruck(app.url, 'releases')
  const me = await createClient(app.url, 'customer', 'c-releases')
  const { id } = (await me.post('/api/v1/broadcasts', asking(2))).body
  const accept = () => truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck))
  for (let n = 0; n < RELEASES; n++) {
    const { tripId } = (await accept()).body.assignment
    expect((await truck.transporter.post(`/api/v1/trips/${tripId}/events`, { type: 'release' })).status).toBe(
      200,
    )
  }
  expect((await accept()).body.code).toBe('EVENT_NOT_ALLOWED')
})

test('every documented answer was seen, except those that need an outage or a defect', () => {
  const isElsewhere = (answer: string) =>
    // Shown by http.test.ts (a defect, the database gone) and http-idempotency.test.ts (a twin in flight).
    /(INTERNAL_ERROR|UNAVAILABLE|IDEMPOTENCY_IN_FLIGHT)$/.test(answer) || /^getHealth 5/.test(answer)
  // They have no body, so nothing else can be sent under their keys.
  const bodiless = ['retryBroadcast', 'endSessions', 'logout']
  const cannotBe = bodiless.map(id => `${id} 422 IDEMPOTENCY_KEY_REUSED`)
  const unseen = documentedAnswers().filter(
    answer => !seen.has(answer) && !isElsewhere(answer) && !cannotBe.includes(answer),
  )
  expect(unseen).toEqual([])
})
