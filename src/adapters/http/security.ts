import type { RequestHandler } from 'express'
import helmet from 'helmet'
import { styleSource } from './front-page.js'

/** Our pages load nothing and must not be framed. Only the front page has a style. */
export function securityHeaders(): RequestHandler {
  const headers = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: [styleSource],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    // Answers need a token anyway; `allowOrigins` decides which pages may read them.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  })
  return (req, res, next) => {
    // Answers depend on the caller and on the time.
    res.setHeader('cache-control', 'no-store')
    headers(req, res, next)
  }
}
