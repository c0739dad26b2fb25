/*
 * The HTTP server around the app. It limits slow and oversized requests, and shuts down without losing a request in
 * progress.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as afterPoll } from 'node:timers/promises'
import { createMessages, type Messages } from './messages.js'
import { exchangeOf } from './traffic/exchange.js'
import { Traffic } from './traffic/traffic.js'
import { ignoreUpgrades } from './upgrade.js'

/** For a whole request with its body. A megabyte over a slow phone line takes some 20 s. */
const REQUEST_TIMEOUT_MS = 30_000
/** Headers come in one or two packets. A client that needs longer is holding the connection on purpose. */
const HEADERS_TIMEOUT_MS = 10_000
/** Longer than a load balancer keeps its idle connections (AWS: 60 s), or it would use one we just closed. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
/** A token and the headers of proxies take some 3 KB. */
const MAX_HEADER_BYTES = 16_384

/** How long a client may read the answer to a malformed request. After that its half-open socket is closed. */
const CLOSE_GRACE_MS = 1_000

/** How often slow requests are looked for. Node's default of 30 s would let a request overrun its limit by as much. */
const CHECK_EVERY_MS = 5_000

/** The first request usually follows a new connection at once. Browsers also open silent connections in advance. */
const FIRST_REQUEST_MS = 250
/** An idle turn of the event loop takes some 20 µs. */
const IDLE_TURN_MS = 0.1
/** A process without an idle turn in half a second is overloaded, and closes its port anyway. */
const QUIET_WITHIN_MS = 500
/** By now a proxy has sent its next request on each connection that it uses. The others are idle and are closed. */
const QUIET_MS = 1_000
/** No event reports that a connection is no longer new, so it is polled. */
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
  /** Refuses a request for which there is no room. */
  readonly refuse?: RequestListener
  /** The classes of the server's requests and responses. */
  readonly messages?: Messages
}

export interface HttpServer {
  readonly server: Server
  readonly traffic: Traffic
  /** Whether every answer from now on ends its connection, so that its client reconnects to a process that stays. */
  retire(isRetired: boolean): void
  /** Stops accepting connections. From now on every answer ends its connection. */
  closePort(): Promise<void>
  /**
   * After `closePort`: resolves when every request in progress has been answered. After `withinMs` the rest are cut off.
   * `isAsked`: clients may still send requests. Then open connections are served until no more requests come.
   */
  drain(withinMs: number, isAsked: boolean): Promise<void>
}

export interface HttpServerOptions extends Partial<typeof bounds> {
  readonly traffic?: Traffic
}

/** Tests pass shorter time limits. */
export function createHttpServer(
  { listener, refuse, messages = createMessages() }: HttpApp,
  { traffic = new Traffic(), ...changed }: HttpServerOptions = {},
): HttpServer {
  const { underWay, connections } = traffic
  let isRetired = false

  traffic.begin = listener
  if (refuse !== undefined) traffic.sendRefusal = refuse
  const server = createServer({ ...bounds, ...messages, ...changed }, (_req, res) => {
    if (isRetired) res.setHeader('connection', 'close')
    traffic.request(exchangeOf(res) ?? traffic.adopt(res))
  })
  server.on('connection', socket => void traffic.welcome(socket))
  server.on('clientError', answerUnreadable)
  ignoreUpgrades(server)
  server.on('close', traffic.watch())

  function retire(from: boolean): void {
    isRetired = from
    if (!isRetired) return
    for (const { res } of underWay) if (!res.headersSent) res.setHeader('connection', 'close')
  }

  const countEvents = () => traffic.accepted + traffic.asked

  return {
    server,
    traffic,
    retire,
    async closePort() {
      await quietMoment(countEvents)
      // The HTTP server's own `close` would also close idle connections at once.
      NetServer.prototype.close.call(server)
      retire(true)
    },
    async drain(withinMs, isAsked) {
      const endsAtMs = performance.now() + withinMs
      let asked = countEvents()
      let quietSinceMs = isAsked ? performance.now() : Number.NEGATIVE_INFINITY
      const isOver = () => {
        const nowMs = performance.now()
        if (nowMs >= endsAtMs) return true
        if (isAsked && countEvents() !== asked) {
          asked = countEvents()
          quietSinceMs = nowMs
        }
        const isQuiet = connections.size === 0 || nowMs - quietSinceMs >= QUIET_MS
        return underWay.size === 0 && isQuiet && !areSomeNew(traffic)
      }
      if (!isAsked) server.closeIdleConnections()
      await new Promise<void>(resolve => {
        const look = () => {
          if (!isOver()) return
          clearInterval(looking)
          resolve()
        }
        const looking = setInterval(look, LOOK_EVERY_MS)
        traffic.ended = look
        look()
      })
      traffic.ended = () => {}
      await quietMoment(countEvents)
      server.closeIdleConnections()
      for (const { connection } of [...underWay]) connection.destroy()
    },
  }
}

/** Whether there are new connections, on which a first request may be on its way. */
function areSomeNew({ connections, now }: Traffic): boolean {
  for (const { requests, madeAtMs } of connections) {
    if (requests === 0 && now() - madeAtMs < FIRST_REQUEST_MS) return true
  }
  return false
}

/**
 * Resolves right after the event loop has polled all sockets and found nothing, if that happens soon. Closing the port
 * resets connections that the kernel has completed and we have not accepted. Closing a connection loses bytes that were
 * sent and not read. A proxy that has sent a POST on either may not resend it. Node accepts one connection per turn of the
 * loop, so several may be waiting; after an idle turn there are none, except for arrivals within microseconds.
 */
async function quietMoment(countEvents: () => number): Promise<void> {
  const giveUpAtMs = performance.now() + QUIET_WITHIN_MS
  while (true) {
    const events = countEvents()
    const beganAtMs = performance.now()
    await afterPoll()
    const nowMs = performance.now()
    const isQuiet = countEvents() === events && nowMs - beganAtMs < IDLE_TURN_MS
    if (isQuiet || nowMs > giveUpAtMs) return
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

/** Answers bytes that are not valid HTTP with a problem document. Such bytes never reach the app. */
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
  // Closed at once, the answer could be lost: if the client is still sending, the kernel resets the connection.
  setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref()
}
