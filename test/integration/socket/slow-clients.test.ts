import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { type Admission, createAdmission } from '../../../src/adapters/http/admission.js'
import { createHttpApp } from '../../../src/adapters/http/app.js'
import { createHttpServer } from '../../../src/adapters/http/server.js'
import { Traffic, type TrafficLimits } from '../../../src/adapters/http/traffic/traffic.js'
import type { Dispatch } from '../../../src/dispatch/api.js'
import type { IdempotencyStore } from '../../../src/dispatch/ports.js'
import type { VerifiedToken } from '../../../src/dispatch/tokens.js'
import { until } from '../../support/engine/engine.js'

/* Slow clients take few resources and none from other clients. The test controls the clock. */

const MOST_WORKED_ON_AT_ONCE = 32
const MOST_ADMITTED = 2_000
const ACCEPTED = '{"lat":1,"lng":2}'
/** More than the kernel buffers for an unread connection: some 6 MB on each side. */
const LARGE_BYTES = 24_000_000

interface Scene {
  readonly traffic: Traffic
  readonly admission: Admission
  readonly cutOff: string[]
  readonly port: number
  /** For each request in progress, a function that answers it. */
  readonly working: (() => void)[]
  passMs(ms: number): void
}

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

/** Answers `GET /api/v1/broadcasts` on the test's command, `…/{id}` with many bytes, and a heartbeat at once. */
async function start(limits: Partial<TrafficLimits> = {}): Promise<Scene> {
  let nowMs = 1_000_000
  const working: (() => void)[] = []
  const cutOff: string[] = []
  const admission = createAdmission(() => nowMs)
  const traffic = new Traffic({
    limits,
    trustedProxies: 1,
    rooms: [admission.room],
    now: () => nowMs,
    onCutOff: reason => cutOff.push(reason),
  })
  const dispatch = {
    admit: async ({ caller }: VerifiedToken) => ({ ok: true, value: caller }),
    listBroadcasts: () =>
      new Promise(resolve =>
        working.push(() => resolve({ ok: true, value: { items: [], nextCursor: null } })),
      ),
    getBroadcast: async () => ({ ok: true, value: { version: 1, notes: 'x'.repeat(LARGE_BYTES) } }),
    driverHeartbeat: async () => ({ ok: true, value: {} }),
  } as unknown as Dispatch
  const app = createHttpApp({
    version: '0',
    dispatch,
    keys: {} as IdempotencyStore,
    service: {} as never,
    refresh: async () => ({ ok: false, problem: { code: 'UNAUTHENTICATED' } }),
    limits: { ofUser: () => undefined, ofAddress: () => undefined },
    admission,
    traffic,
    verifyToken: async token => ({
      ok: true,
      value: { caller: { id: 'x', role: token as 'customer' }, issuedAt: 0, expiresAt: 1e15 } as never,
    }),
    corsOrigins: [],
    log: pino({ level: 'silent' }),
  })
  const { server } = createHttpServer(app, { traffic })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
  return {
    traffic,
    admission,
    cutOff,
    working,
    port: (server.address() as AddressInfo).port,
    passMs(ms) {
      nowMs += ms
      traffic.look()
    },
  }
}

interface Client {
  readonly socket: Socket
  text(): string
}

async function client({ port }: Scene, text: string): Promise<Client> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  open.push({ close: () => socket.destroy() })
  await once(socket, 'connect')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  socket.write(text)
  return { socket, text: () => answer }
}

const headers = (address: string) => `host: x\r\nx-forwarded-for: ${address}\r\nauthorization: Bearer `
const get = (path: string, address = '10.0.0.1') =>
  `GET ${path} HTTP/1.1\r\n${headers(address)}customer\r\n\r\n`
const LIST = '/api/v1/broadcasts'
const LARGE = '/api/v1/broadcasts/01890a5d-ac96-774b-bcce-b302099a8057'
const SCRIPT = '/docs/swagger-ui-bundle.js'
/** A heartbeat without its body. */
const post = (address = '10.0.0.1', length = ACCEPTED.length) =>
  `POST /api/v1/driver/heartbeat HTTP/1.1\r\n${headers(address)}driver\r\ncontent-type: application/json\r\n` +
  `content-length: ${length}\r\n\r\n`
const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])

async function unread(scene: Scene, path: string, address: string): Promise<Client> {
  const before = scene.traffic.unread.count
  const one = await client(scene, '')
  one.socket.pause()
  one.socket.write(get(path, address))
  await until(() => scene.traffic.unread.count > before)
  return one
}

describe('R11.4 a body that arrives slowly', () => {
  test('takes no place; the request is admitted when it has arrived whole', async () => {
    const scene = await start()
    const { traffic, admission } = scene
    const slow = await client(scene, post() + ACCEPTED.slice(0, 5))
    await until(() => traffic.arriving.bytes === 5)
    expect(admission.underWay).toBe(0)
    slow.socket.write(ACCEPTED.slice(5))
    await until(() => slow.text() !== '')
    expect(statusOf(slow.text())).toBeLessThan(300)
    expect([traffic.arriving.count, traffic.arriving.bytes]).toEqual([0, 0])
  })

  test('does not count as server time: the admission limit stays', async () => {
    const scene = await start()
    for (let i = 0; i < 20; i++) {
      const slow = await client(scene, post())
      await until(() => scene.traffic.arriving.count === 1)
      scene.passMs(5_000)
      slow.socket.write(ACCEPTED)
      await until(() => slow.text() !== '')
    }
    expect(scene.admission.limit).toBe(MOST_ADMITTED)
  })

  test('is refused with 503 and Retry-After when it is slower than the slowest phone', async () => {
    const scene = await start({ graceMs: 8_000, leastBytesPerSecond: 10 })
    const slow = await client(scene, post('10.0.0.1', 1_000))
    const quick = await client(scene, `${post('10.0.0.2', 1_000)}${'x'.repeat(50)}`)
    await until(() => scene.traffic.arriving.bytes === 50)
    scene.passMs(7_000)
    expect(scene.traffic.arriving.count).toBe(2)
    scene.passMs(3_000)
    await until(() => slow.socket.closed)
    expect(statusOf(slow.text())).toBe(503)
    expect(slow.text()).toMatch(/retry-after: 1\r\n/i)
    expect(slow.text()).toMatch(/connection: close\r\n/i)
    expect(quick.socket.closed).toBe(false)
    expect(scene.cutOff).toEqual(['slow_body'])
  })

  test('beyond their limit evict the oldest of the address that has the most', async () => {
    const scene = await start({ arriving: { count: 16, bytes: 1_000_000 } })
    const modest = await client(scene, post('10.0.0.2'))
    await until(() => scene.traffic.arriving.count === 1)
    scene.passMs(2_000)
    const greedy = await Promise.all(Array.from({ length: 15 }, () => client(scene, post('10.0.0.1'))))
    await until(() => scene.traffic.arriving.count === 16)
    const newcomer = await client(scene, post('10.0.0.3'))
    await until(() => greedy.some(({ socket }) => socket.closed))
    newcomer.socket.write(ACCEPTED)
    modest.socket.write(ACCEPTED)
    await until(() => newcomer.text() !== '' && modest.text() !== '')
    expect([newcomer, modest].map(one => statusOf(one.text()) < 300)).toEqual([true, true])
  })

  test('is refused while the same address has too many new ones, and accepted when those are old', async () => {
    const scene = await start({ arriving: { count: 16, bytes: 1_000_000 } })
    const young = await Promise.all(Array.from({ length: 16 }, () => client(scene, post())))
    await until(() => scene.traffic.arriving.count === 16)
    const refused = await client(scene, post())
    await until(() => refused.text() !== '')
    expect(statusOf(refused.text())).toBe(503)
    expect(refused.text()).toMatch(/retry-after: 1\r\n/i)
    expect(young.filter(({ socket }) => socket.closed)).toEqual([])
    scene.passMs(1_000)
    const taken = await client(scene, post())
    await until(() => young.some(({ socket }) => socket.closed))
    taken.socket.write(ACCEPTED)
    await until(() => taken.text() !== '')
    expect(statusOf(taken.text())).toBeLessThan(300)
  })

  test('holds no more bytes than the bound, together with all others', async () => {
    const most = 200_000
    const scene = await start({ arriving: { count: 1_000, bytes: most } })
    const many = await Promise.all(Array.from({ length: 40 }, () => client(scene, post('10.0.0.1', 900_000))))
    for (let round = 0; round < 20; round++) {
      for (const { socket } of many) if (!socket.closed) socket.write('x'.repeat(10_000))
      scene.passMs(500)
      await new Promise(resolve => setImmediate(resolve))
      expect(scene.traffic.arriving.bytes).toBeLessThanOrEqual(most)
    }
    await until(() => many.some(({ socket }) => socket.closed))
  })

  test('that is sent byte by byte is received whole', async () => {
    const scene = await start()
    const slow = await client(scene, post())
    for (let i = 0; i < ACCEPTED.length; i++) {
      slow.socket.write(ACCEPTED[i] ?? '')
      await until(() => scene.traffic.arriving.bytes === i + 1 || slow.text() !== '')
    }
    await until(() => slow.text() !== '')
    expect(statusOf(slow.text())).toBeLessThan(300)
  })
})

describe('R11.4 an answer that is not read', () => {
  test('holds no place and does not count as server time', async () => {
    const scene = await start()
    await unread(scene, LARGE, '10.0.0.1')
    expect(scene.admission.underWay).toBe(0)
    scene.passMs(5_000)
    const other = await client(scene, post('10.0.0.2') + ACCEPTED)
    await until(() => other.text() !== '')
    expect(scene.admission.limit).toBe(MOST_ADMITTED)
    expect(scene.traffic.unread).toMatchObject({ count: 1 })
    expect(scene.traffic.unread.bytes).toBeGreaterThan(LARGE_BYTES)
  })

  test('ends its connection after the time limit; a client that reads slowly keeps its connection', async () => {
    const scene = await start({ graceMs: 8_000, leastBytesPerSecond: LARGE_BYTES })
    const one = await unread(scene, LARGE, '10.0.0.1')
    scene.passMs(8_500)
    expect(one.socket.closed).toBe(false)
    scene.passMs(1_500)
    one.socket.resume()
    await until(() => one.socket.closed)
    expect(one.text().length).toBeLessThan(LARGE_BYTES)
    expect(scene.cutOff).toEqual(['unread_answer'])
    expect([scene.traffic.unread.count, scene.traffic.unread.bytes]).toEqual([0, 0])
  })

  test('ends its connection sooner if nothing of it is read', async () => {
    const scene = await start({ silentMs: 20_000, leastBytesPerSecond: 1_000 })
    const silent = await unread(scene, LARGE, '10.0.0.1')
    const slow = await unread(scene, LARGE, '10.0.0.2')
    let goal = 0
    slow.socket.on('data', () => {
      if (slow.text().length >= goal) slow.socket.pause()
    })
    for (let second = 0; second < 30; second++) {
      goal += LARGE_BYTES / 40
      slow.socket.resume()
      await until(() => slow.text().length >= goal)
      scene.passMs(1_000)
    }
    expect(scene.cutOff).toEqual(['unread_answer'])
    expect(slow.socket.closed).toBe(false)
    silent.socket.resume()
    await until(() => silent.socket.closed)
  })

  test('beyond their limit evict the oldest of the address that has the most', async () => {
    const most = 8 * LARGE_BYTES
    const scene = await start({ unread: { count: 100, bytes: most } })
    const modest = await unread(scene, LARGE, '10.0.0.2')
    const greedy: Client[] = []
    for (let i = 0; i < 12; i++) {
      const before = scene.cutOff.length
      const one = await client(scene, '')
      one.socket.pause()
      one.socket.write(get(LARGE, '10.0.0.1'))
      const { bytes } = scene.traffic.unread
      await until(() => scene.traffic.unread.bytes > bytes || scene.cutOff.length > before)
      scene.passMs(1_100)
      greedy.push(one)
      expect(scene.traffic.unread.bytes).toBeLessThanOrEqual(most + LARGE_BYTES + 1_000)
    }
    modest.socket.resume()
    await until(() => modest.text().length > LARGE_BYTES)
    expect(scene.cutOff.length).toBeGreaterThan(0)
    expect(new Set(scene.cutOff)).toEqual(new Set(['no_room']))
  })

  test('a file takes no place, and is refused if the room is full of new answers to others', async () => {
    const scene = await start({ unread: { count: 100, bytes: LARGE_BYTES } })
    await unread(scene, LARGE, '10.0.0.1')
    const refused = await client(scene, get(SCRIPT))
    await until(() => refused.text() !== '')
    expect(statusOf(refused.text())).toBe(503)
    expect(refused.text()).toMatch(/retry-after: 1\r\n/i)
    scene.passMs(1_100)
    const served = await client(scene, get(SCRIPT))
    await until(() => served.text().length > 1_000_000)
    expect(statusOf(served.text())).toBe(200)
    expect(scene.admission.underWay).toBe(0)
  })

  test('2,050 unread files block no other client', async () => {
    const scene = await start()
    const many = await Promise.all(
      Array.from({ length: 2_050 }, async () => {
        const one = await client(scene, '')
        one.socket.pause()
        one.socket.write(get(SCRIPT).repeat(4))
        return one
      }),
    )
    await until(() => scene.traffic.asked >= many.length, 20_000)
    expect(scene.admission.underWay).toBe(0)
    const other = await client(scene, post('10.0.0.2') + ACCEPTED)
    await until(() => other.text() !== '')
    expect(statusOf(other.text())).toBeLessThan(300)
    expect(scene.traffic.unread.bytes).toBeLessThan(2 * 134_217_728)
    for (const { socket } of many) socket.destroy()
    await until(() => scene.traffic.underWay.size === 0)
    expect([scene.traffic.unread.count, scene.traffic.unread.bytes]).toEqual([0, 0])
  })
})

describe('R11.4 a connection with many requests', () => {
  test('has a bounded number of them in progress, in order', async () => {
    const scene = await start()
    const one = await client(scene, get(LIST).repeat(100))
    const seen: number[] = []
    for (let answered = 0; answered < 100; answered++) {
      await until(() => scene.working.length > 0)
      seen.push(scene.admission.underWay)
      scene.working.shift()?.()
    }
    await until(() => one.text().split('HTTP/1.1 200').length === 101)
    expect(Math.max(...seen)).toBe(MOST_WORKED_ON_AT_ONCE)
  })

  test('far beyond the limit: the first are answered, one gets 503, and the connection ends', async () => {
    const scene = await start()
    const one = await client(
      scene,
      'GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(40) + get(LIST).repeat(40),
    )
    await until(() => scene.working.length === MOST_WORKED_ON_AT_ONCE)
    one.socket.write('GET /docs HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5_000))
    await new Promise(resolve => setImmediate(resolve))
    const answering = setInterval(() => scene.working.shift()?.(), 1)
    await until(() => one.socket.closed)
    clearInterval(answering)
    const statuses = [...one.text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    expect(statuses.at(-1)).toBe('503')
    expect(statuses.filter(status => status === '503')).toHaveLength(1)
    expect(statuses.length).toBeGreaterThan(80)
    expect(scene.traffic.underWay.size).toBe(0)
  })
})
