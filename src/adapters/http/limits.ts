import type { IncomingMessage } from 'node:http'
import type { RequestHandler } from 'express'
import type { RateLimits, Sender } from '../../dispatch/ports.js'
import type { Problem } from '../../dispatch/problems.js'
import { sendProblem } from './answer.js'

/** Turns away addresses that ask too often, before anything of theirs is read. `isExempt`: paths that always answer. */
export function limitAddresses(limits: RateLimits, isExempt: (path: string) => boolean): RequestHandler {
  return (req, res, next) => {
    const wait = isExempt(req.path) ? undefined : limits.ofAddress(senderOf(req))
    if (wait === undefined) return next()
    sendProblem(req, res, tooMany('address', wait))
  }
}

export const tooMany = (who: 'address' | 'user', retryAfterSeconds: number): Problem => ({
  code: 'RATE_LIMITED',
  detail: `Too many requests of this ${who} within a minute`,
  retryAfterSeconds,
})

export function senderOf({ socket, headers }: IncomingMessage): Sender {
  const forwarded = headers['x-forwarded-for']
  return {
    remoteAddress: socket.remoteAddress,
    forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
  }
}
