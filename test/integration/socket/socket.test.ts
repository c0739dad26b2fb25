import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { UnsecuredJWT } from 'jose'
import { pino } from 'pino'
import { createSocketServer } from '../../../src/adapters/socket/server.js'
import { createTokenVerifier } from '../../../src/adapters/tokens/jwt.js'
import type { Dispatch } from '../../../src/dispatch/api.js'
import { ok } from '../../../src/dispatch/problems.js'
import type { VerifiedToken } from '../../../src/dispatch/tokens.js'
import { scaled } from '../../support/engine/pace.js'
import { createClient, disconnected, type Listener, listen } from '../../support/server/clients.js'
import { asking, PICKUP, registerTruck } from '../../support/server/fleet.js'
import { TEST_SECRET, tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const open: Listener[] = []

const app = await useTestApp()

afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
})

async function connectAs(
  role: Parameters<typeof tokenFor>[0],
  id: string,
  ttlMs?: number,
): Promise<Listener> {
  const listener = await listen(app.url, await tokenFor(role, id, ttlMs))
  open.push(listener)
  return listener
}

describe('R7.2 who may connect', () => {
  test('no client without a valid token: connect_error carries the problem', async () => {
    const unsigned = new UnsecuredJWT({ role: 'admin' }).setSubject('a').setExpirationTime('1h').encode()
    for (const token of [
      undefined,
      null,
      42,
      {},
      '',
      'nonsense',
      unsigned,
      await tokenFor('admin', 'a', -1_000),
    ]) {
      await expect(listen(app.url, token)).rejects.toMatchObject({
        data: { status: 401, code: 'UNAUTHENTICATED', title: 'Sign in first' },
      })
    }
  })

  test('a token lasts as long on a socket as over HTTP', async () => {
    const ttlMs = 1_000 * Math.ceil(scaled(2_000) / 1_000)
    const expiresAt = Math.floor((Date.now() + ttlMs) / 1000) * 1000
    const { socket } = await connectAs('customer', 'short', ttlMs)
    expect(await disconnected(socket)).toBe('io server disconnect')
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
    expect(Date.now()).toBeLessThan(expiresAt + scaled(500))
  })

  test('a user that is turned off is disconnected, and cannot reconnect', async () => {
    const admin = await createClient(app.url, 'admin', 'a1')
    const { socket } = await connectAs('customer', 'bad')
    const end = disconnected(socket)
    expect((await admin.put('/api/v1/admin/users/customer/bad', { active: false })).status).toBe(200)
    await end
    await expect(connectAs('customer', 'bad')).rejects.toMatchObject({
      data: { code: 'USER_INACTIVE', status: 403 },
    })
    const customer = await createClient(app.url, 'customer', 'bad')
    expect((await customer.get('/api/v1/broadcasts')).body.code).toBe('USER_INACTIVE')
  })
})

describe('R7.2 which requests may be watched', () => {
  test('the client’s own request: its events arrive in the envelope', async () => {
    const customer = await createClient(app.url, 'customer', 'watcher')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    const listener = await connectAs('customer', 'watcher')
    expect(await listener.send('watch', { broadcastId: broadcast.id })).toEqual({ ok: true })
    const truck = await registerTruck(app.url, 'watched')
    const accept = { driverId: truck.driverId, vehicleId: truck.vehicleId }
    const accepted = await truck.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, accept)
    expect(accepted.status).toBe(200)
    const updated = await listener.next('booking_updated')
    expect(updated).toMatchObject({
      id: expect.any(String),
      broadcastId: broadcast.id,
      version: accepted.body.version,
      type: 'booking_updated',
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      data: expect.objectContaining({ status: 'fully_filled', trucksFilled: 1, trucksNeeded: 1 }),
    })
    // Its user's room and the request's: still once.
    expect(listener.events.filter(event => event.id === updated.id)).toHaveLength(1)
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
  })

  test('another’s request: NOT_FOUND, and none of its events arrive', async () => {
    const customer = await createClient(app.url, 'customer', 'private')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    const strangers = [
      await connectAs('customer', 'stranger'),
      await connectAs('transporter', 't-stranger'),
      await connectAs('driver', 'd-stranger'),
    ]
    for (const stranger of strangers) {
      expect(await stranger.send('watch', { broadcastId: broadcast.id })).toMatchObject({
        status: 404,
        code: 'NOT_FOUND',
      })
    }
    const own = await connectAs('customer', 'private')
    await own.send('watch', { broadcastId: broadcast.id })
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    await own.next('booking_updated')
    // A round trip on each: what was sent to them before would have come before its answer.
    for (const stranger of strangers) {
      await stranger.send('unwatch', { broadcastId: broadcast.id })
      expect(stranger.events).toEqual([])
    }
  })

  test('after unwatch the room is left', async () => {
    const customer = await createClient(app.url, 'customer', 'leaver')
    const admin = await connectAs('admin', 'a1')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    expect(await admin.send('watch', { broadcastId: broadcast.id })).toEqual({ ok: true })
    expect(await admin.send('unwatch', { broadcastId: broadcast.id })).toEqual({ ok: true })
    const own = await connectAs('customer', 'leaver')
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    await own.next('booking_updated')
    await admin.send('unwatch', { broadcastId: broadcast.id })
    expect(admin.events).toEqual([])
  })

  test('a request that was offered: a transporter may watch it', async () => {
    const truck = await registerTruck(app.url, 'offered', { isReady: true })
    const transporter = await connectAs('transporter', truck.transporter.id)
    const customer = await createClient(app.url, 'customer', 'offering')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    const offer = await transporter.next('new_broadcast', event => event.broadcastId === broadcast.id)
    expect(offer).toMatchObject({
      id: expect.any(String),
      version: 1,
      data: { broadcast: { id: broadcast.id } },
    })
    expect(await transporter.send('watch', { broadcastId: broadcast.id.toUpperCase() })).toEqual({ ok: true })
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    const ended = await transporter.next('booking_expired')
    expect(ended.data).toMatchObject({ reason: 'customer_cancelled' })
  })
})

describe('messages', () => {
  test('a transporter’s heartbeat, with a place or without', async () => {
    const listener = await connectAs('transporter', 't1')
    expect(await listener.send('heartbeat', {})).toEqual({ ok: true })
    expect(await listener.send('heartbeat')).toEqual({ ok: true })
    expect(await listener.send('heartbeat', { lat: PICKUP.lat, lng: PICKUP.lng })).toEqual({ ok: true })
    expect(await listener.send('heartbeat', { lat: 1 })).toMatchObject({ code: 'VALIDATION_FAILED' })
  })

  test('a driver’s heartbeat, with its place', async () => {
    const truck = await registerTruck(app.url, 'beating')
    const listener = await connectAs('driver', truck.driverId)
    const beat = { lat: PICKUP.lat, lng: PICKUP.lng, vehicleId: truck.vehicleId }
    expect(await listener.send('heartbeat', beat)).toEqual({ ok: true })
    expect(await listener.send('heartbeat', {})).toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: expect.arrayContaining([{ path: 'lat', message: expect.any(String) }]),
    })
  })

  test('others have no heartbeat', async () => {
    const listener = await connectAs('customer', 'c1')
    expect(await listener.send('heartbeat', { lat: 1, lng: 1 })).toMatchObject({
      code: 'FORBIDDEN',
      status: 403,
    })
  })

  test.each([
    ['watch', { broadcastId: 'x' }],
    ['watch', { broadcastId: ['01890a5d-ac96-774b-bcce-b302099a8057'] }],
    ['watch', {}],
    ['watch', null],
    ['watch', 'text'],
    ['watch', { broadcastId: '01890a5d-ac96-774b-bcce-b302099a8057', more: 1 }],
    ['heartbeat', { lat: 91, lng: 0 }],
    ['heartbeat', { lat: '1', lng: '1' }],
    ['heartbeat', Buffer.from('binary')],
    ['accept', {}],
    ['toString', {}],
    ['__proto__', {}],
  ])('%s %j: a problem, and the socket stays', async (type, payload) => {
    const listener = await connectAs('transporter', 't1')
    expect(await listener.send(type, payload)).toMatchObject({ code: 'VALIDATION_FAILED', status: 400 })
    expect(await listener.send('heartbeat', {})).toEqual({ ok: true })
  })

  test('a message without an acknowledgement callback needs none', async () => {
    const listener = await connectAs('transporter', 't1')
    listener.socket.emit('heartbeat', {})
    listener.socket.emit('nonsense')
    expect(await listener.send('heartbeat', {})).toEqual({ ok: true })
  })

  test('a flood is refused, then disconnected', async () => {
    const { socket } = await connectAs('transporter', 't-flood')
    const answers: { code?: string }[] = []
    const end = disconnected(socket)
    for (let i = 0; i < 400; i += 1) {
      socket.emit('unwatch', { broadcastId: 'x' }, (answer: { code?: string }) => answers.push(answer))
    }
    expect(await end).toBe('io server disconnect')
    expect(answers.some(answer => answer.code === 'RATE_LIMITED')).toBe(true)
    expect((await connectAs('transporter', 't-flood')).socket.connected).toBe(true)
  })

  test('a message of 20 KB ends the connection', async () => {
    const { socket } = await connectAs('transporter', 't-large')
    const end = disconnected(socket)
    socket.emit('heartbeat', { vehicleId: 'x'.repeat(20_000) })
    await end
  })
})

/* The fan-out alone: which sockets an emit reaches. */
describe('fan-out', () => {
  test('of 1,200 rooms reaches every socket once, even one in several of them', async () => {
    const dispatch = {
      admit: async ({ caller }: VerifiedToken) => ok(caller),
      mayWatch: async () => true,
      connected: async () => {},
    } as unknown as Dispatch
    const sockets = createSocketServer({
      verifyToken: createTokenVerifier({ secret: TEST_SECRET }),
      corsOrigins: [],
      transporterTtlMs: 60_000,
      log: pino({ level: 'silent' }),
    })
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    sockets.attach(server, dispatch)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const broadcastId = '01890a5d-ac96-774b-bcce-b302099a8057'
    try {
      const ids = ['u0', 'u600', 'u1199', 'outsider']
      const listeners = await Promise.all(ids.map(async id => listen(url, await tokenFor('customer', id))))
      for (const listener of listeners.slice(0, 3)) await listener.send('watch', { broadcastId })
      const rooms = Array.from({ length: 1_200 }, (_, i) => `person:customer:u${i}`)
      const envelope = {
        id: 'e1',
        type: 'booking_updated',
        version: 1,
        at: new Date().toISOString(),
        data: {},
      }
      sockets.fanout.emit([...rooms, `broadcast:${broadcastId}`], envelope)
      for (const listener of listeners) await listener.send('unwatch', { broadcastId })
      expect(listeners.map(listener => listener.events.length)).toEqual([1, 1, 1, 0])
      expect(listeners[0]?.events[0]).toEqual(envelope)
      // Left out, though it watches and is among the rooms.
      for (const listener of listeners.slice(0, 3)) await listener.send('watch', { broadcastId })
      const other = { ...envelope, id: 'e2' }
      sockets.fanout.emit([...rooms, `broadcast:${broadcastId}`], other, ['person:customer:u600'])
      for (const listener of listeners) await listener.send('unwatch', { broadcastId })
      expect(listeners.map(listener => listener.events.length)).toEqual([2, 1, 2, 0])
      sockets.fanout.disconnectPerson({ role: 'customer', id: 'u0' })
      await Promise.all(listeners.slice(0, 1).map(({ socket }) => disconnected(socket)))
      expect(sockets.countConnections()).toBe(3)
    } finally {
      await sockets.close()
      await new Promise(resolve => server.close(resolve))
    }
  })
})
