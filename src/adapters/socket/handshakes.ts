/*
 * Checks connection attempts before Socket.IO sees them: they are counted by address, as requests are, and must use
 * WebSocket. Long polling is several requests, and a balancer may send each to another process. It would work only now and
 * then, so it is always refused with the setting to change. Socket.IO's own refusals have neither problems nor
 * `Retry-After`. A WebSocket has no response yet, so its answer is written by hand.
 */
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { RateLimits } from '../../dispatch/ports.js'
import type { Problem } from '../../dispatch/problems.js'
import { socketProblem } from './socket-problem.js'

/** Engine.IO's middleware. Requests of an existing connection (`sid`) were counted when it was opened. */
export function limitHandshakes(limits: RateLimits) {
  return (req: IncomingMessage, res: ServerResponse, next: (error?: Error) => void): void => {
    const query = new URL(req.url ?? '/', 'http://localhost').searchParams
    const forwarded = req.headers['x-forwarded-for']
    const sender = {
      remoteAddress: req.socket.remoteAddress,
      forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    }
    const wait = query.has('sid') ? undefined : limits.ofAddress(sender)
    if (wait !== undefined) refuse(req, res, { code: 'RATE_LIMITED', retryAfterSeconds: wait })
    else if (query.get('transport') !== 'websocket') refuse(req, res, notPolling)
    else next()
  }
}

const notPolling: Problem = {
  code: 'VALIDATION_FAILED',
  detail: "Long polling is not supported: set transports: ['websocket'] in the Socket.IO client",
  members: { errors: [{ path: 'transport', message: 'Expected websocket' }] },
}

/** Time for the client to read the refusal. Most clients close at once. */
const CLOSE_WITHIN_MS = 1_000

function refuse(req: IncomingMessage, res: ServerResponse, problem: Problem): void {
  const document = socketProblem(problem)
  const body = JSON.stringify(document)
  const { retryAfterSeconds: wait } = problem
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
    connection: 'close',
  }
  const status = Number(document.status)
  // For upgrades Engine.IO passes its own object. The headers cannot tell: a plain request may contain `Upgrade` too.
  if (res instanceof ServerResponse) {
    res.writeHead(status, headers).end(body)
    return
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const wire: Socket = req.socket
  wire.on('error', () => {}) // the client has gone already
  wire.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  // The server's time limits do not apply after an upgrade.
  setTimeout(() => wire.destroy(), CLOSE_WITHIN_MS).unref()
}
