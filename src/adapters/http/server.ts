/*
 * The HTTP server around the app: bounds on slow and oversized requests, and a way to end without losing
 * any that is under way.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate as afterPoll } from 'node:timers/promises'
import { createMessages, type Messages } from './messages.js'
import { exchangeOf } from './traffic/exchange.js'
import { Traffic } from './traffic/traffic.js'
import { ignoreUpgrades } from './upgrade.js'

/** A whole request, body included: a megabyte over a slow phone line takes some 20 s. */
const REQUEST_TIMEOUT_MS = 30_000
/** Headers come in one or two packets: whoever needs longer is holding the connection for its own sake. */
const HEADERS_TIMEOUT_MS = 10_000
/** Longer than a load balancer keeps its idle connections (AWS: 60 s), or it would use one we just closed. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
/** A token and what proxies add take some 3 KB. */
const MAX_HEADER_BYTES = 16_384

/** How often what is too slow is looked for; Node's own half minute would let it hold on for as much longer. */
const CHECK_EVERY_MS = 5_000

/** A new connection is followed by its first request at once. Browsers also make some in advance, which stay silent. */
const FIRST_REQUEST_MS = 250
/** A connection gets old without an event. */
const LOOK_EVERY_MS = 50

const bounds = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
  connectionsCheckingInterval: CHECK_EVERY_MS,
}

export interface HttpApp {
  readonly listener: RequestListener
  /** Answers a request for which there is no room. */
  readonly refuse?: RequestListener
  /** What the requests and responses of the server are made of. */
  readonly messages?: Messages
}

export interface HttpServer {
  readonly server: Server
  readonly traffic: Traffic
  /** From now on every answer ends its connection: its client makes a new one, to a process that stays. */
  retire(): void
  /**
   * Takes no more connections; resolves when every request under way has been answered, or after `withinMs`, when those
   * that are not are cut off. A request that was sent before that is answered, also on a connection that is new.
   */
  drain(withinMs: number): Promise<void>
}

export interface HttpServerOptions extends Partial<typeof bounds> {
  readonly traffic?: Traffic
}

/** `changed`: for tests, which have less time. */
export function createHttpServer(
  { listener, refuse, messages = createMessages() }: HttpApp,
  { traffic = new Traffic(), ...changed }: HttpServerOptions = {},
): HttpServer {
  const { underWay, connections } = traffic
  let isRetired = false
  let isDraining = false

  traffic.begin = listener
  if (refuse !== undefined) traffic.sendRefusal = refuse
  const server = createServer({ ...bounds, ...messages, ...changed }, (_req, res) => {
    if (isRetired) res.setHeader('connection', 'close')
    traffic.request(exchangeOf(res) ?? traffic.adopt(res))
  })
  server.on('connection', socket => traffic.welcome(socket))
  server.on('clientError', answerUnreadable)
  ignoreUpgrades(server)
  server.on('close', traffic.watch())

  function retire(): void {
    isRetired = true
    for (const { res } of underWay) if (!res.headersSent) res.setHeader('connection', 'close')
  }

  /** Connections that were made a moment ago, and on which a request may be on its way. */
  function areSomeNew(): boolean {
    for (const { requests, madeAtMs } of connections) {
      if (requests === 0 && traffic.now() - madeAtMs < FIRST_REQUEST_MS) return true
    }
    return false
  }

  return {
    server,
    traffic,
    retire,
    async drain(withinMs) {
      retire()
      isDraining = true
      // The poll before this has accepted what waited and read what was sent. The kernel resets what comes between it and
      // the closing of the port: some microseconds.
      await afterPoll()
      // Its callback would wait for sockets too, which are closed later.
      server.close()
      await new Promise<void>(resolve => {
        const look = () => {
          if (isDraining) server.closeIdleConnections()
          if (underWay.size > 0 || areSomeNew()) return
          clearTimeout(alarm)
          clearInterval(looking)
          resolve()
        }
        const alarm = setTimeout(() => {
          clearInterval(looking)
          resolve()
        }, withinMs)
        const looking = setInterval(look, LOOK_EVERY_MS)
        traffic.ended = look
        look()
      })
      traffic.ended = () => {}
      for (const { connection } of [...underWay]) connection.destroy()
    },
  }
}

const unreadable: Readonly<Record<string, readonly [status: string, code: string, title: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'VALIDATION_FAILED',
    'The headers are too large',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'VALIDATION_FAILED', 'The request took too long'],
}

/** What is not HTTP never reaches the app: this is the answer, as a problem too. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, code, title] = unreadable[error.code ?? ''] ?? [
    '400 Bad Request',
    'VALIDATION_FAILED',
    'The request is not valid',
  ]
  const body = JSON.stringify({
    type: 'urn:loadcast:problem:validation-failed',
    title,
    status: Number.parseInt(status, 10),
    code,
  })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
