import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { until } from '../../support/engine/engine.js'
import { hostileClients, runHostileClient } from '../../support/http/hostile-client.js'
import { tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

/* A request releases everything it holds, whatever its client does. */

const RUNS = process.env.LOADCAST_LONG_TESTS === undefined ? 8 : 60
const CLIENTS = 40
/** Long, so that no time limit ends an exchange. */
const NEVER_SECONDS = '3600'

const app = await useTestApp({ env: { LOG_LEVEL: 'fatal', DRAIN_SECONDS: NEVER_SECONDS } })
// Waits for every request in progress: one that is never released would block it for half an hour.

/** Everything the process holds for HTTP, except for this reading itself. */
async function held(): Promise<Record<string, number>> {
  const request = get(`${app.url}/metrics`, { agent: false })
  const [response] = await once(request, 'response')
  const page = await text(response)
  const figure = (name: string) => Number(new RegExp(`^loadcast_${name} (.*)$`, 'm').exec(page)?.[1])
  return {
    admitted: figure('http_requests_under_way'),
    exchanges: figure('http_exchanges') - 1,
    arriving: figure('http_bodies_arriving'),
    unread: figure('http_answers_unread'),
    connections: figure('http_connections') - 1,
    sockets: figure('sockets'),
  }
}
const nothing = { admitted: 0, exchanges: 0, arriving: 0, unread: 0, connections: 0, sockets: 0 }

async function expectNothingHeld(): Promise<void> {
  let last: Record<string, number> = {}
  await until(async () => {
    last = await held()
    return Object.values(last).every(value => value === 0)
  }, 20_000).catch(() => {})
  expect(last).toEqual(nothing)
}

/** The status, over a new connection that is closed afterwards. */
async function ask(path: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const [response] = await once(get(`${app.url}${path}`, { agent: false, headers }), 'response')
  await text(response)
  return response.statusCode
}

async function open(): Promise<ReturnType<typeof connect>> {
  const { hostname, port } = new URL(app.url)
  const socket = connect(Number(port), hostname).on('error', () => {})
  await once(socket, 'connect')
  return socket
}

describe('R11.4 the resources of a request are released', () => {
  test('when 300 are pipelined and their connection is reset', async () => {
    for (const afterMs of [0, 1, 5, 20]) {
      const socket = await open()
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(300))
      await new Promise(resolve => setTimeout(resolve, afterMs))
      socket.resetAndDestroy()
    }
    await expectNothingHeld()
  })

  test('when 300 are pipelined and all are answered, in order', async () => {
    const socket = await open()
    const paths = Array.from({ length: 300 }, (_, i) => `/nowhere-${i}`)
    socket.write(paths.map(path => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''))
    let answers = ''
    socket.on('data', chunk => {
      answers += chunk
    })
    await until(() => answers.includes('/nowhere-299"'))
    expect([...answers.matchAll(/"instance":"([^"]*)"/g)].map(([, path]) => path)).toEqual(paths)
    socket.destroy()
    await expectNothingHeld()
  })

  test.each([
    ['no request', 'no request at all\r\n\r\n'],
    ['a request and then no request', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n\0\0\0'],
    ['a request that ends its connection', 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
    [
      'an upgrade, to a path where there is none',
      'GET /x HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n',
    ],
  ])('when a client sends %s, and never closes its side', async (_what, sent) => {
    const { hostname, port } = new URL(app.url)
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).on('error', () => {})
    await once(socket, 'connect')
    socket.resume().write(sent)
    await expectNothingHeld()
    socket.destroy()
  })

  test('when a request demands an unsupported upgrade, and it is answered as if it had not', async () => {
    const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'
    const body = '{}'
    const socket = await open()
    socket.write(
      `GET /health/live HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n` +
        `POST /nowhere HTTP/1.1\r\nHost: x\r\n${upgrade}content-length: ${body.length}\r\n\r\n${body}` +
        'GET /last HTTP/1.1\r\nHost: x\r\n\r\n',
    )
    let answers = ''
    socket.on('data', chunk => {
      answers += chunk
    })
    await until(() => answers.includes('"/last"'))
    expect([...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '200',
      '404',
      '404',
    ])
    socket.destroy()
    await expectNothingHeld()
  })

  test(`however ${RUNS * CLIENTS} clients end, and the server keeps serving`, async () => {
    const token = await tokenFor('customer', 'hostile')
    const clients = fc.array(hostileClients(token), {
      minLength: CLIENTS,
      maxLength: CLIENTS,
    })
    await fc.assert(
      fc.asyncProperty(clients, async some => {
        await Promise.all(some.map(client => runHostileClient(app.url, client)))
        expect(await ask('/api/v1/broadcasts', token)).toBe(200)
        await expectNothingHeld()
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  })
})
