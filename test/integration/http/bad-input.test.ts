import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { SignJWT, UnsecuredJWT } from 'jose'
import { scaled } from '../../support/engine/pace.js'
import { type Answer, type Client, call, createClient } from '../../support/server/clients.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'
import { TEST_SECRET, tokenFor } from '../../support/server/tokens.js'

/*
 * Everything that issue 2 lists as bad input, and its relatives. Each has its own problem, none is a fault
 * of ours (5xx), and not one row of any table is there afterwards that was not there before.
 */

const place = { lat: 28.61, lng: 77.2 }
const good = { pickup: place, drop: { lat: 19.07, lng: 72.87 }, trucks: [{ vehicleType: '14ft', count: 1 }] }
const broadcasts = '/api/v1/broadcasts'
/** A version 7 UUID that nobody has. */
const nobodys = '01890a5d-ac96-774b-bcce-b302099a8057'

let app: TestApp
let customer: Client
let transporter: Client
let admin: Client
let before: Readonly<Record<string, number>>

beforeAll(async () => {
  app = await startTestApp()
  customer = await createClient(app.url, 'customer', 'c1')
  transporter = await createClient(app.url, 'transporter', 't1')
  admin = await createClient(app.url, 'admin', 'a1')
  const driver = await createClient(app.url, 'driver', 'd1')
  const stranger = await createClient(app.url, 'customer', 'c2')
  // Every valid token makes a user: let them be known before rows are counted.
  for (const known of [customer, transporter, admin, driver, stranger])
    await known.get(`/api/v1/trips/${nobodys}`)
  before = await app.countRows()
})

afterAll(async () => {
  // Not in a test of its own: it must hold after all of them, in whatever order they ran.
  const after = await app.countRows()
  await app.close()
  expect(after).toEqual(before)
})

function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body.code, type: answer.headers.get('content-type') }).toEqual(
    {
      status,
      code,
      type: 'application/problem+json; charset=utf-8',
    },
  )
  expect(answer.body).toMatchObject({ title: expect.any(String), status, instance: expect.any(String) })
}

/** A body as it is, with the headers of a careful client. */
async function send(body: RequestInit['body'], headers: Record<string, string> = {}): Promise<Answer> {
  return await call(app.url, 'POST', broadcasts, {
    headers: { authorization: `Bearer ${customer.token}`, 'content-type': 'application/json', ...headers },
    body: body ?? null,
  })
}

describe('bodies', () => {
  test.each([
    ['cut off', '{"pickup":'],
    ['not JSON at all', 'pickup=here'],
    ['with NaN', '{"pickup":{"lat":NaN,"lng":1}}'],
    ['with a trailing comma', '{"a":1,}'],
    ['a single quote', "'"],
    ['two documents', '{}{}'],
  ])('malformed JSON, %s: MALFORMED_JSON', async (_what, body) => {
    expectProblem(await send(body), 400, 'MALFORMED_JSON')
  })

  test('bytes that are not UTF-8: MALFORMED_JSON', async () => {
    expectProblem(await send(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400, 'MALFORMED_JSON')
  })

  test('two megabytes: PAYLOAD_TOO_LARGE, even if compressed', async () => {
    const large = JSON.stringify({ ...good, notes: 'x'.repeat(2_000_000) })
    expectProblem(await send(large), 413, 'PAYLOAD_TOO_LARGE')
    expectProblem(await send(gzipSync(large), { 'content-encoding': 'gzip' }), 413, 'PAYLOAD_TOO_LARGE')
  })

  test('broken compression: MALFORMED_JSON; an unknown one: VALIDATION_FAILED', async () => {
    expectProblem(await send('{}', { 'content-encoding': 'gzip' }), 400, 'MALFORMED_JSON')
    expectProblem(await send('{}', { 'content-encoding': 'zap' }), 400, 'VALIDATION_FAILED')
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonp',
    ';',
  ])('content type %s: VALIDATION_FAILED that names the header', async type => {
    const answer = await send(JSON.stringify(good), { 'content-type': type })
    expectProblem(answer, 400, 'VALIDATION_FAILED')
    expect(answer.body.errors).toEqual([{ path: 'Content-Type', message: 'Expected application/json' }])
  })

  test.each([
    ['arrays', '['.repeat(500_000)],
    ['closed arrays', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['objects', '{"a":'.repeat(150_000)],
    ['in a field that is known', `{"trucks":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('nested very deeply (%s): refused quickly', async (_what, body) => {
    const begunAt = performance.now()
    expectProblem(await send(body), 400, 'VALIDATION_FAILED')
    expect(performance.now() - begunAt).toBeLessThan(scaled(1_000))
  })

  test.each(['null', '[]', '"text"', '1', 'true', ''])(
    '%j instead of an object: VALIDATION_FAILED',
    async body => {
      expectProblem(await send(body), 400, 'VALIDATION_FAILED')
    },
  )

  test('a hundred thousand unknown fields: a short answer, quickly', async () => {
    const fields = Array.from({ length: 90_000 }, (_, i) => `"k${i}":0`).join(',')
    const begunAt = performance.now()
    const answer = await send(`{${fields}}`)
    expectProblem(answer, 400, 'VALIDATION_FAILED')
    expect(JSON.stringify(answer.body).length).toBeLessThan(10_000)
    expect(performance.now() - begunAt).toBeLessThan(scaled(2_000))
  })
})

describe('fields', () => {
  const bad: readonly (readonly [what: string, body: Record<string, unknown>, path: string])[] = [
    ['an unknown field', { ...good, colour: 'red' }, ''],
    ['an unknown field inside', { ...good, pickup: { ...place, floor: 3 } }, 'pickup'],
    ['a latitude beyond the pole', { ...good, pickup: { lat: 90.01, lng: 0 } }, 'pickup.lat'],
    ['a longitude beyond the date line', { ...good, drop: { lat: 0, lng: -180.5 } }, 'drop.lng'],
    ['a coordinate that is text', { ...good, pickup: { lat: '28.6', lng: 77 } }, 'pickup.lat'],
    ['a coordinate that is null', { ...good, pickup: { lat: null, lng: 77 } }, 'pickup.lat'],
    ['no trucks', { ...good, trucks: [] }, 'trucks'],
    ['zero trucks', { ...good, trucks: [{ vehicleType: '14ft', count: 0 }] }, 'trucks.0.count'],
    ['minus one truck', { ...good, trucks: [{ vehicleType: '14ft', count: -1 }] }, 'trucks.0.count'],
    ['half a truck', { ...good, trucks: [{ vehicleType: '14ft', count: 0.5 }] }, 'trucks.0.count'],
    ['a million trucks', { ...good, trucks: [{ vehicleType: '14ft', count: 1_000_000 }] }, 'trucks.0.count'],
    [
      'a million trucks in parts',
      { ...good, trucks: Array(501).fill({ vehicleType: '14ft', count: 1 }) },
      'trucks',
    ],
    [
      'more than 500 in all',
      { ...good, trucks: Array(2).fill({ vehicleType: '14ft', count: 300 }) },
      'trucks',
    ],
    [
      'a vehicle type that is no slug',
      { ...good, trucks: [{ vehicleType: '14 FT', count: 1 }] },
      'trucks.0.vehicleType',
    ],
    ['NUL in a text', { ...good, notes: 'a\u0000b' }, 'notes'],
    ['an unpaired surrogate', { ...good, goods: 'a\ud800b' }, 'goods'],
    ['NUL in an address', { ...good, pickup: { ...place, address: '\u0000' } }, 'pickup.address'],
    ['10,000 characters', { ...good, notes: 'x'.repeat(10_000) }, 'notes'],
    ['a price of nothing', { ...good, pricePerTruck: 0 }, 'pricePerTruck'],
  ]

  test.each(bad)('%s: VALIDATION_FAILED, by its path', async (_what, body, path) => {
    const answer = await customer.post(broadcasts, body)
    expectProblem(answer, 400, 'VALIDATION_FAILED')
    expect(answer.body.errors).toContainEqual({ path, message: expect.any(String) })
  })

  test.each(['1e999', '-1e999'])('a latitude of %s: VALIDATION_FAILED', async lat => {
    expectProblem(await send(JSON.stringify(good).replace('28.61', lat)), 400, 'VALIDATION_FAILED')
  })

  test.each(['__proto__', 'constructor', 'toString'])(
    'the field %s is unknown like any other',
    async name => {
      expectProblem(
        await send(JSON.stringify(good).replace('{', `{"${name}":{"count":1},`)),
        400,
        'VALIDATION_FAILED',
      )
    },
  )

  test('the other two forms refuse the same input', async () => {
    const booking = { pickup: place, drop: place, vehicleType: '14ft', trucksNeeded: 0 }
    expectProblem(await customer.post('/api/v1/booking', booking), 400, 'VALIDATION_FAILED')
    const order = { pickup: place, drop: place, truckRequests: [{ vehicleType: '14ft', quantity: 501 }] }
    expectProblem(await customer.post('/api/v1/orders', order), 400, 'VALIDATION_FAILED')
  })
})

describe('events', () => {
  test.each([
    'xstate.init',
    'xstate.stop',
    'xstate.after.broadcastTimeout.broadcast.lifecycle.seeking',
    'trip.release',
    'reach.exhausted',
    'toString',
    '',
  ])('the event type %j is not for clients: VALIDATION_FAILED', async type => {
    const path = `${broadcasts}/${nobodys}/events`
    for (const sender of [customer, transporter]) {
      expectProblem(await sender.post(path, { type }), 400, 'VALIDATION_FAILED')
    }
    expectProblem(
      await transporter.post(`/api/v1/trips/${nobodys}/events`, { type }),
      400,
      'VALIDATION_FAILED',
    )
  })

  test.each(['3', 'W/3', 'w/"3"', '"0"', '"-1"', '"1","2"', '*', '"99999999999"', '"x"'])(
    'If-Match: %s is no version: VALIDATION_FAILED',
    async version => {
      const answer = await customer.post(
        `${broadcasts}/${nobodys}/events`,
        { type: 'cancel' },
        { 'if-match': version },
      )
      expectProblem(answer, 400, 'VALIDATION_FAILED')
      expect(answer.body.errors[0].path).toBe('If-Match')
    },
  )
})

describe('addresses', () => {
  const notIds = [
    'abc',
    '1',
    'null',
    '%00',
    '%F0%9F%9A%9A',
    `${nobodys}x`,
    "'; drop table users; --",
    '%2e%2e%2f',
  ]

  test.each(notIds)('%s is no id, which looks the same as nobody’s id: NOT_FOUND', async id => {
    expectProblem(await customer.get(`${broadcasts}/${id}`), 404, 'NOT_FOUND')
    expectProblem(await customer.post(`${broadcasts}/${id}/events`, { type: 'cancel' }), 404, 'NOT_FOUND')
    expectProblem(await customer.put(`/api/v1/booking/${id}/cancel`), 404, 'NOT_FOUND')
    expectProblem(await customer.get(`/api/v1/trips/${id}`), 404, 'NOT_FOUND')
  })

  test('unknown ids, and ids of another UUID version: NOT_FOUND', async () => {
    const v4 = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'
    for (const id of [nobodys, nobodys.toUpperCase(), v4]) {
      expectProblem(await customer.get(`${broadcasts}/${id}`), 404, 'NOT_FOUND')
      expectProblem(await customer.get(`${broadcasts}/${id}/history`), 404, 'NOT_FOUND')
      expectProblem(await customer.get(`/api/v1/trips/${id}`), 404, 'NOT_FOUND')
      expectProblem(await transporter.post(`/api/v1/trips/${id}/events`, { type: 'start' }), 404, 'NOT_FOUND')
    }
    const accept = { driverId: 'd1', vehicleId: 'v1' }
    expectProblem(await transporter.post(`/api/v1/broadcast/${nobodys}/accept`, accept), 404, 'NOT_FOUND')
  })

  test.each(['d 1', 'd%00', 'x'.repeat(65), '%F0%9F%9A%9A', '%ED%A0%80'])(
    'an id that the caller chooses, like %s: VALIDATION_FAILED',
    async id => {
      const driver = await transporter.put(`/api/v1/transporter/drivers/${id}`, { name: 'A' })
      expectProblem(driver, 400, 'VALIDATION_FAILED')
      expectProblem(
        await admin.put(`/api/v1/admin/users/customer/${id}`, { active: false }),
        400,
        'VALIDATION_FAILED',
      )
    },
  )

  test.each(['%zz', '%', '%ff', '%E0%A4%A'])('broken percent-encoding %s: VALIDATION_FAILED', async part => {
    expectProblem(await customer.get(`${broadcasts}/${part}`), 400, 'VALIDATION_FAILED')
  })

  test.each([
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=1.5',
    'limit=ten',
    'limit=1&limit=2',
    'limit[]=1',
    'colour=red',
    '__proto__=1',
    'status=lost',
    `cursor=${'x'.repeat(1000)}`,
  ])('the query %s: VALIDATION_FAILED', async query => {
    expectProblem(await customer.get(`${broadcasts}?${query}`), 400, 'VALIDATION_FAILED')
  })

  test.each(['%00', '%zz', '%ED%A0%80', 'null', '-1', 'eyJ9', nobodys, "'"])(
    'a forged cursor %s: an answer without an error',
    async cursor => {
      const lists = [`${broadcasts}`, `${broadcasts}/${nobodys}/history`]
      for (const path of lists)
        expect((await customer.get(`${path}?cursor=${cursor}`)).status).toBeLessThan(500)
      for (const path of ['drivers', 'vehicles']) {
        const answer = await transporter.get(`/api/v1/transporter/${path}?cursor=${cursor}`)
        expect(answer.status).toBeLessThan(500)
      }
    },
  )

  test.each(['/nowhere', '/api/v1/broadcasts/', '/API/V1/BROADCASTS', '//', '/api/v1/broadcasts/%2F'])(
    '%s does not exist: NOT_FOUND',
    async path => {
      expectProblem(await customer.get(path), 404, 'NOT_FOUND')
    },
  )

  test.each(['PATCH', 'DELETE', 'PUT', 'OPTIONS', 'PURGE'])(
    '%s on a path of other methods: NOT_FOUND',
    async method => {
      const answer = await call(app.url, method, broadcasts, {
        headers: { authorization: `Bearer ${customer.token}` },
      })
      expectProblem(answer, 404, 'NOT_FOUND')
    },
  )
})

describe('tokens', () => {
  const signed = (claims: Record<string, unknown>, secret = TEST_SECRET) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
  const inAnHour = () => Math.floor(Date.now() / 1000) + 3600

  async function expectUnauthenticated(authorization: string | undefined): Promise<void> {
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await call(app.url, 'GET', broadcasts, { headers })
    expectProblem(answer, 401, 'UNAUTHENTICATED')
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
  }

  test('no token, or no bearer token: UNAUTHENTICATED', async () => {
    for (const header of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      `Token ${customer.token}`,
      'Bearer a b',
    ]) {
      await expectUnauthenticated(header)
    }
  })

  test('expired, unsigned, wrongly signed, endless, of an unknown role: UNAUTHENTICATED', async () => {
    const claims = { sub: 'never-seen', role: 'admin', exp: inAnHour() }
    const unsigned = new UnsecuredJWT({ role: 'admin' })
      .setSubject('never-seen')
      .setExpirationTime('1h')
      .encode()
    const bad = [
      await tokenFor('admin', 'never-seen', -1_000),
      await tokenFor('admin', 'never-seen', 0),
      unsigned,
      await signed(claims, 'x'.repeat(40)),
      await signed({ sub: 'never-seen', role: 'admin' }),
      await signed({ ...claims, role: 'owner' }),
      await signed({ ...claims, sub: 'never seen' }),
      `${customer.token}x`,
      'x'.repeat(8_000),
    ]
    for (const token of bad) await expectUnauthenticated(`Bearer ${token}`)
  })

  test('a role that may never call it: FORBIDDEN, whatever the id and the body', async () => {
    expectProblem(await transporter.post(broadcasts, good), 403, 'FORBIDDEN')
    expectProblem(await customer.post(`/api/v1/broadcast/x/accept`, 'nonsense'), 403, 'FORBIDDEN')
    expectProblem(await customer.put('/api/v1/admin/users/customer/c2', { active: false }), 403, 'FORBIDDEN')
    expectProblem(
      await admin.put('/api/v1/transporter/availability', { isAvailable: true }),
      403,
      'FORBIDDEN',
    )
  })
})

describe('input that is barely HTTP', () => {
  function raw(text: string): Promise<string> {
    const { port, hostname } = new URL(app.url)
    return new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(Number(port), hostname, () => socket.end(text))
      socket.on('data', chunk => {
        answer += chunk
      })
      socket.on('close', () => resolve(answer))
      socket.on('error', reject)
    })
  }

  test.each([
    ['no HTTP', 'HELLO\r\n\r\n', 400],
    ['an address that is none', 'GET http://[ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404],
    ['a star', 'GET * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404],
    ['headers of 20 KB', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
    ],
  ])('%s: still a problem document', async (_what, text, status) => {
    const answer = await raw(text)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toMatch(/content-type: application\/problem\+json/)
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status, code: expect.any(String) })
  })

  test('an incomplete body: no answer is a 500, and the server continues', async () => {
    const head = `POST ${broadcasts} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${customer.token}\r\n`
    const answer = await raw(`${head}content-type: application/json\r\ncontent-length: 500\r\n\r\n{"pickup":`)
    expect(answer).not.toMatch(/^HTTP\/1.1 5/)
    expect((await call(app.url, 'GET', '/health/live')).status).toBe(200)
  })
})
