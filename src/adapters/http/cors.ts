import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHandler } from 'express'

const METHODS = 'GET, POST, PUT, DELETE'
const REQUEST_HEADERS = 'authorization, content-type, idempotency-key, if-match, x-request-id'
const ANSWER_HEADERS = 'etag, location, retry-after, idempotency-replayed, x-request-id'
/** Chromium keeps no preflight answer for longer than two hours. */
const PREFLIGHT_AGE_SECONDS = 7200

/** Lets pages of these origins call; `*` means any. Tokens travel in a header, so credentials are never allowed. */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const letRead = letOriginsRead(origins)
  return (req, res, next) => {
    const isAllowed = letRead(req, res)
    if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return next()
    if (isAllowed) {
      res.setHeader('access-control-allow-methods', METHODS)
      res.setHeader('access-control-allow-headers', REQUEST_HEADERS)
      res.setHeader('access-control-max-age', String(PREFLIGHT_AGE_SECONDS))
    }
    res.writeHead(204).end()
  }
}

/** Lets the page read the answer if it is of these origins. Returns whether it is. */
export function letOriginsRead(
  origins: readonly string[],
): (req: IncomingMessage, res: ServerResponse) => boolean {
  const isAny = origins.includes('*')
  return (req, res) => {
    res.setHeader('vary', 'origin')
    const { origin } = req.headers
    if (origin === undefined || !(isAny || origins.includes(origin))) return false
    res.setHeader('access-control-allow-origin', origin)
    res.setHeader('access-control-expose-headers', ANSWER_HEADERS)
    return true
  }
}
