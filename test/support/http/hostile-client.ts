/* Raw HTTP clients that misbehave: they pipeline, disconnect anywhere and never read. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'

export const endings = ['reset', 'destroy', 'half-close', 'read', 'stall'] as const

export interface HostileClient {
  /** Pipelined requests, in one write. */
  readonly requests: readonly string[]
  /** The share of their bytes that is sent. */
  readonly sent: number
  /** The number of parts in which the bytes are sent. */
  readonly parts: number
  readonly reads: boolean
  readonly waitMs: number
  readonly ending: (typeof endings)[number]
}

/** `token` must be a customer's. */
export function hostileClients(token: string): fc.Arbitrary<HostileClient> {
  const auth = `authorization: Bearer ${token}\r\n`
  const json = 'content-type: application/json\r\n'
  const body = '{"vehicleType":"14ft"}'
  const head = (line: string, headers = '') => `${line} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`
  const withBody = (line: string, headers = '') =>
    head(line, `${json}${headers}content-length: ${body.length}\r\n`) + body
  const upgrade = (to: string) =>
    `connection: upgrade, http2-settings\r\nupgrade: ${to}\r\nhttp2-settings: AA\r\n`
  const websocket = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`
  const request = fc.constantFrom(
    head('GET /'),
    head('GET /health'),
    head('GET /metrics'),
    head('HEAD /docs/swagger-ui-bundle.js'),
    head('GET /docs/swagger-ui-bundle.js'),
    head('GET /openapi.json'),
    head('GET /nowhere'),
    head('GET /%zz'),
    head('OPTIONS /api/v1/broadcasts', 'origin: http://x\r\naccess-control-request-method: POST\r\n'),
    head('GET /api/v1/broadcasts', auth),
    head('GET /api/v1/broadcasts', `${auth}connection: close\r\n`),
    head('DELETE /api/v1/devices/none', auth),
    withBody('GET /api/v1/broadcasts', auth),
    withBody('HEAD /'),
    withBody('POST /health/live'),
    withBody('POST /api/v1/broadcasts'),
    withBody('POST /api/v1/broadcasts', auth),
    withBody('POST /api/v1/broadcasts', `${auth}idempotency-key: same\r\n`),
    withBody('POST /api/v1/broadcasts', `${auth}expect: 100-continue\r\n`),
    withBody('POST /api/v1/broadcasts', `${auth}expect: the-impossible\r\n`),
    withBody('POST /api/v1/broadcasts', `${auth}content-encoding: gzip\r\n`),
    head('POST /api/v1/broadcasts', `${auth}${json}transfer-encoding: chunked\r\n`) +
      '7\r\n{"a":1}\r\n0\r\n\r\n',
    `${head('POST /api/v1/broadcasts', `${auth}${json}transfer-encoding: chunked\r\n`)}7\r\n{"a`,
    `${head('POST /api/v1/broadcasts', `${auth}${json}content-length: 900000\r\n`)}{"pickup":`,
    `${head('POST /api/v1/broadcasts', `${auth}${json}content-length: 9000000\r\n`)}{"pickup":`,
    head('GET /', upgrade('h2c')),
    withBody('POST /api/v1/broadcasts', `${auth}${upgrade('h2c')}`),
    head('GET /', websocket),
    head('GET /socket.io/?EIO=4&transport=websocket', websocket),
    head('GET /socket.io/?EIO=4&transport=websocket&sid=none', websocket),
    head('GET /socket.io/?EIO=4&transport=websocket', upgrade('h2c')),
    head('GET /socket.io/?EIO=4&transport=polling'),
    head('POST /socket.io/?EIO=4&transport=polling&sid=none', 'content-length: 5\r\n'),
    head('CONNECT x:80'),
    'no request at all\r\n\r\n',
    '\x16\x03\x01\x02',
  )
  const pipelined = fc
    .tuple(request, fc.integer({ min: 1, max: 400 }))
    .map(([text, times]) => Array.from<string>({ length: times }).fill(text))
  return fc.record({
    requests: fc.oneof(
      { weight: 3, arbitrary: fc.array(request, { minLength: 1, maxLength: 6 }) },
      { weight: 1, arbitrary: pipelined },
    ),
    sent: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    parts: fc.integer({ min: 1, max: 4 }),
    reads: fc.boolean(),
    waitMs: fc.integer({ min: 0, max: 40 }),
    ending: fc.constantFrom(...endings),
  })
}

/** Resolves when the client has disconnected, which it always does. */
export async function runHostileClient(url: string, client: HostileClient): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  const closed = once(socket, 'close').catch(() => {})
  socket.on('error', () => {})
  if (client.reads) socket.resume()
  await Promise.race([once(socket, 'connect').catch(() => {}), closed])
  const text = Buffer.from(client.requests.join(''), 'latin1')
  const bytes = text.subarray(0, Math.ceil(text.length * client.sent))
  const size = Math.max(1, Math.ceil(bytes.length / client.parts))
  for (let i = 0; i < bytes.length && !socket.destroyed; i += size) {
    socket.write(bytes.subarray(i, i + size))
    if (client.parts > 1) await delay(1)
  }
  await Promise.race([delay(client.waitMs), closed])
  await end(socket, client.ending)
  await closed
}

async function end(socket: Socket, ending: HostileClient['ending']): Promise<void> {
  if (ending === 'reset') socket.resetAndDestroy()
  else if (ending === 'destroy') socket.destroy()
  else {
    if (ending === 'half-close') socket.end()
    if (ending !== 'stall') socket.resume()
    // Some answers never come: the request was not complete.
    await Promise.race([once(socket, 'end').catch(() => {}), delay(100)])
    socket.destroy()
  }
}
