import { randomUUID } from 'node:crypto'
import type { RequestHandler } from 'express'
import type { Logger } from 'pino'
import type { ProductMeter } from '../../dispatch/ports.js'
import { problemCodeOf } from './answer.js'

/** The ids that a caller may give its request. Nothing else, since other characters could forge a log line. */
const requestIdPattern = /^[A-Za-z0-9_.:-]{1,64}$/

/** Longer than any of our paths. The log line must not grow with what a stranger sends. */
const MAX_LOGGED_PATH = 256

/** Gives every request an id and returns it in a header. A well-formed id of the caller is kept. */
export function identifyRequests(): RequestHandler {
  return (req, res, next) => {
    res.setHeader('x-request-id', requestIdOf(req.headers['x-request-id']))
    next()
  }
}

export function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID()
}

/**
 * Logs one line and records the metrics of each answer when it is handed to its socket: the client's reading time is not
 * counted. Bodies and query strings are not logged, since they hold places, names and phone numbers.
 */
export function logRequests(log: Logger, meter: ProductMeter): RequestHandler {
  return (req, res, next) => {
    const begunAt = performance.now()
    res.once('answered', () => {
      const code = problemCodeOf(res)
      const ms = performance.now() - begunAt
      const route = String(res.locals.route ?? 'none')
      meter.answered({ route, method: knownMethod(req.method), status: res.statusCode, code, ms })
      const level = res.statusCode >= 500 ? 'warn' : req.path.startsWith('/health') ? 'debug' : 'info'
      log[level](
        {
          requestId: res.getHeader('x-request-id'),
          method: req.method,
          path: req.path.slice(0, MAX_LOGGED_PATH),
          status: res.statusCode,
          route,
          ...(code === undefined ? {} : { code }),
          ...(res.locals.traceId === undefined ? {} : { traceId: res.locals.traceId }),
          ms: Math.round(ms),
        },
        'answered',
      )
    })
    next()
  }
}

const methods = new Set(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH'])
/** Node accepts some thirty methods, and each would become a metric of its own. */
export const knownMethod = (method = '') => (methods.has(method) ? method : 'other')
