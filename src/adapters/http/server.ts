/*
 * The HTTP server around the app: bounds on slow and oversized requests, and a way to end without losing
 * any that is under way.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import { Slab } from '../../runtime/slab.js'
import type { Messages } from './messages.js'

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

const bounds = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
  connectionsCheckingInterval: CHECK_EVERY_MS,
}

export interface HttpApp {
  readonly listener: RequestListener
  /** What the listener is given is best made of these. */
  readonly messages?: Messages
}

export interface HttpServer {
  readonly server: Server
  /** From now on every answer ends its connection: whoever comes again makes a new one, to a process that stays. */
  retire(): void
  /**
   * Takes no more connections; resolves when every request under way has been answered, or after `withinMs`, when those
   * that are not are cut off.
   */
  drain(withinMs: number): Promise<void>
}

/** `changed`: for tests, which have less time. */
export function createHttpServer(
  { listener, messages = {} }: HttpApp,
  changed: Partial<typeof bounds> = {},
): HttpServer {
  const underWay = new Slab<ServerResponse>()
  let isRetired = false
  let isDraining = false
  let finished: (() => void) | undefined

  const options = { ...bounds, ...messages, ...changed }
  const server = createServer(options, (req: IncomingMessage, res: ServerResponse) => {
    const place = underWay.add(res)
    if (isRetired) res.setHeader('connection', 'close')
    res.once('close', () => {
      underWay.remove(place)
      if (isDraining) server.closeIdleConnections()
      if (underWay.size === 0) finished?.()
    })
    listener(req, res)
  })
  server.on('clientError', answerUnreadable)

  function retire(): void {
    isRetired = true
    for (const res of underWay) if (!res.headersSent) res.setHeader('connection', 'close')
  }

  return {
    server,
    retire,
    async drain(withinMs) {
      retire()
      isDraining = true
      // Its callback would wait for sockets too, which are closed later.
      server.close()
      if (underWay.size === 0) return
      await new Promise<void>(resolve => {
        const alarm = setTimeout(resolve, withinMs)
        finished = () => {
          clearTimeout(alarm)
          resolve()
        }
      })
      for (const res of underWay) res.destroy()
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
