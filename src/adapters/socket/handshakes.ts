/*
 * Connection attempts by address, counted as requests are. Below Socket.IO, whose own refusals know neither 429 nor
 * `Retry-After`: a WebSocket has no response yet, so its answer is written by hand.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { RateLimits } from '../../dispatch/ports.js'
import { socketProblem } from './socket-problem.js'

/** Engine.IO's middleware. What belongs to a connection that is there (`sid`) was counted when it came. */
export function limitHandshakes(limits: RateLimits) {
  return (req: IncomingMessage, res: ServerResponse, next: (error?: Error) => void): void => {
    const isAttempt = !new URL(req.url ?? '/', 'http://localhost').searchParams.has('sid')
    const forwarded = req.headers['x-forwarded-for']
    const sender = {
      remoteAddress: req.socket.remoteAddress,
      forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    }
    const wait = isAttempt ? limits.ofAddress(sender) : undefined
    if (wait === undefined) {
      next()
      return
    }
    const body = JSON.stringify(socketProblem({ code: 'RATE_LIMITED', retryAfterSeconds: wait }))
    const headers = {
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'retry-after': String(wait),
      connection: 'close',
    }
    if (req.headers.upgrade === undefined) {
      res.writeHead(429, headers).end(body)
      return
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const wire: Socket = req.socket
    wire.on('error', () => {}) // it has gone already
    wire.end(`HTTP/1.1 429 Too Many Requests\r\n${lines.join('')}\r\n${body}`)
  }
}
