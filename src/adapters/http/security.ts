import type { RequestHandler } from 'express'
import helmet from 'helmet'
import { styleSource } from './front-page.js'

/** Nothing we serve loads anything or belongs in a frame; the status page has one style of its own. */
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
    // Answers are for whoever holds a token; `allowOrigins` decides which pages may read them.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  })
  return (req, res, next) => {
    // Answers depend on who asks, and on when.
    res.setHeader('cache-control', 'no-store')
    headers(req, res, next)
  }
}
