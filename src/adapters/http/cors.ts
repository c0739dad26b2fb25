import type { RequestHandler } from 'express'

const METHODS = 'GET, POST, PUT, DELETE'
const REQUEST_HEADERS = 'authorization, content-type, idempotency-key, if-match, x-request-id'
const ANSWER_HEADERS = 'etag, location, retry-after, idempotency-replayed, x-request-id'
/** Two hours is the longest that Chromium keeps it. */
const PREFLIGHT_AGE_SECONDS = 7200

/** Lets pages of these origins (`*`: any) call. Tokens travel in a header, so no credentials are allowed. */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    res.vary('origin')
    const { origin } = req.headers
    const isAllowed = origin !== undefined && (origins.includes('*') || origins.includes(origin))
    if (isAllowed) {
      res.setHeader('access-control-allow-origin', origin)
      res.setHeader('access-control-expose-headers', ANSWER_HEADERS)
    }
    if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return next()
    if (isAllowed) {
      res.setHeader('access-control-allow-methods', METHODS)
      res.setHeader('access-control-allow-headers', REQUEST_HEADERS)
      res.setHeader('access-control-max-age', String(PREFLIGHT_AGE_SECONDS))
    }
    res.writeHead(204).end()
  }
}
