import type { Request, RequestHandler } from 'express'
import type { Attributes, Tracer } from '../../runtime/telemetry.js'
import { problemCodeOf } from './answer.js'
import type { PublicRoute, Route } from './route.js'

/** W3C Trace Context: version 00, ids that are not all zeros. The standard says to ignore everything else. */
const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Names the route for the log and the metrics, and traces the handler as one span. */
export function observed(
  route: Route | PublicRoute,
  tracer: Tracer | undefined,
  handle: RequestHandler,
): RequestHandler {
  return (req, res, next) => {
    res.locals.route = route.id
    // Balancers poll health all day; their requests would crowd out the others.
    if (tracer === undefined || ('isUnlimited' in route && route.isUnlimited)) return handle(req, res, next)
    const span = tracer.begin(`${req.method} ${route.path}`, {
      parent: parentOf(req),
      isRoot: true,
      kind: 'server',
      attributes: {
        'http.request.method': req.method,
        'http.route': route.path,
        'loadcast.request_id': String(res.getHeader('x-request-id')),
      },
    })
    if (span.context !== undefined) res.locals.traceId = span.context.split('-')[1]
    let isOver = false
    const end = (attributes: Attributes) => {
      if (!isOver) span.end(attributes)
      isOver = true
    }
    res.once('answered', () => {
      const code = problemCodeOf(res)
      end({
        'http.response.status_code': res.statusCode,
        ...(code === undefined ? {} : { 'loadcast.problem': code }),
      })
    })
    // The client went away before its answer.
    res.once('over', () => end({ 'error.type': 'connection_closed' }))
    return tracer.within(span, () => handle(req, res, next))
  }
}

function parentOf(req: Request): string | undefined {
  const given = req.get('traceparent')
  return given !== undefined && traceparentPattern.test(given) ? given : undefined
}
