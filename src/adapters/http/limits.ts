import type { IncomingMessage } from 'node:http'
import type { RequestHandler } from 'express'
import type { RateLimits } from '../../dispatch/ports.js'
import type { Problem } from '../../dispatch/problems.js'
import { pathOf, sendProblem } from './answer.js'
import { senderOf } from './sender.js'
import { type AddressCount, exchangeOf } from './traffic/exchange.js'

/**
 * Refuses addresses that send too many requests, before anything of a request is read. `isExempt`: paths that are never
 * refused. A request with a body was counted when its headers came (`exchange.addressCount`).
 */
export function limitAddresses(limits: RateLimits, isExempt: (path: string) => boolean): RequestHandler {
  return (req, res, next) => {
    const count = exchangeOf(res)?.addressCount ?? countAddress(limits, isExempt, req)
    if (count.retryAfterSeconds === undefined) return next()
    sendProblem(req, res, tooMany('address', count.retryAfterSeconds))
  }
}

/** Counts a request for its address. */
export function countAddress(
  limits: RateLimits,
  isExempt: (path: string) => boolean,
  req: IncomingMessage,
): AddressCount {
  return { retryAfterSeconds: isExempt(pathOf(req)) ? undefined : limits.ofAddress(senderOf(req)) }
}

export const tooMany = (who: 'address' | 'user', retryAfterSeconds: number): Problem => ({
  code: 'RATE_LIMITED',
  detail: `Too many requests of this ${who} within a minute`,
  retryAfterSeconds,
})
