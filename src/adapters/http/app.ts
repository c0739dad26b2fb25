/*
 * The HTTP app: mounts the route registry on Express and answers everything that is not a route. Every answer is the
 * reply of a route or a problem document.
 */
import type { IncomingMessage, RequestListener } from 'node:http'
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import type { Logger } from 'pino'
import type { Dispatch } from '../../dispatch/api.js'
import type { Refresh } from '../../dispatch/auth/refresh.js'
import { expectedProblem, invalid, parseInput } from '../../dispatch/border.js'
import { type IdempotencyStore, noMeter, type ProductMeter, type RateLimits } from '../../dispatch/ports.js'
import { ok, type Problem, type Result } from '../../dispatch/problems.js'
import type { TokenVerifier } from '../../dispatch/tokens.js'
import type { Tracer } from '../../runtime/telemetry.js'
import { type Admission, createAdmission } from './admission.js'
import { sendProblem, sendReply } from './answer.js'
import { authenticate } from './authenticate.js'
import { readJsonBody } from './body.js'
import { allowOrigins } from './cors.js'
import { openDoor } from './door.js'
import type { Service } from './health.js'
import { countAddress, limitAddresses } from './limits.js'
import { messagesOf } from './messages.js'
import { observed } from './observed.js'
import { openApiDocument } from './openapi/document.js'
import { identifyRequests, logRequests } from './request-log.js'
import type { Context, PublicRoute, Route } from './route.js'
import { publicRoutes, routes } from './routes.js'
import { securityHeaders } from './security.js'
import type { HttpApp } from './server.js'
import { Traffic } from './traffic/traffic.js'

export interface HttpAppOptions {
  readonly dispatch: Dispatch
  readonly keys: IdempotencyStore
  readonly service: Service
  readonly refresh: Refresh
  readonly limits: RateLimits
  readonly admission?: Admission
  /** The traffic of the server that runs this app. */
  readonly traffic?: Traffic
  /** The version of the program. */
  readonly version: string
  readonly verifyToken: TokenVerifier
  readonly corsOrigins: readonly string[]
  readonly log: Logger
  readonly meter?: ProductMeter
  readonly tracer?: Tracer | undefined
  /** The number of our proxies in front. Requests through them cannot reach internal routes. */
  readonly trustedProxies?: number
  /** False: serves only health, metrics and the public pages. All other requests should go to another process. */
  readonly takesRequests?: boolean
}

export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { dispatch, keys, service, refresh, limits, version, log, takesRequests = true } = options
  const { meter = noMeter, tracer, admission = createAdmission(), traffic = new Traffic() } = options
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  // Each resource has exactly one path, because idempotency keys and limits are stored by path.
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.set('query parser', 'simple')

  app.use(identifyRequests(), logRequests(log, meter), securityHeaders(), allowOrigins(options.corsOrigins))
  app.use(limitAddresses(limits, isUnlimited))
  // Bytes, because a string would be encoded again for each client and kept until that client has read it.
  const openApi = Buffer.from(JSON.stringify(openApiDocument(version, routes, publicRoutes)))
  const context: Context = { dispatch, service, keys, refresh, openApi }
  for (const route of publicRoutes.filter(route => takesRequests || route.method === 'get')) {
    app[route.method](route.path, observed(route, tracer, open(route, context, options)))
  }
  for (const route of takesRequests ? routes : []) {
    app[route.method](route.path, observed(route, tracer, guarded(route, context, options)))
  }
  app.use((req, res) => sendProblem(req, res, { code: 'NOT_FOUND' }))
  app.use(answerErrors(log))
  // For an address without a path (`http://[`), Express calls none of the handlers above.
  const answer: RequestListener = (req, res) =>
    app(req as Request, res as Response, () => sendProblem(req, res, { code: 'NOT_FOUND' }))
  const door = {
    ...options,
    admission,
    traffic,
    meter,
    isExempt: alwaysAnswers,
    isFile,
    countAddress: (req: IncomingMessage) => countAddress(limits, isUnlimited, req),
  }
  return { ...openDoor(answer, door), messages: messagesOf(app) }
}

function open(
  route: PublicRoute,
  context: Context,
  { trustedProxies = 0 }: Pick<HttpAppOptions, 'trustedProxies'>,
): RequestHandler {
  return async (req, res) => {
    const cameThroughProxy = trustedProxies > 0 && req.headers['x-forwarded-for'] !== undefined
    if (route.isInternal && cameThroughProxy) return sendProblem(req, res, { code: 'NOT_FOUND' })
    const body = await readBodyOf(route, req, res)
    if (!body.ok) return sendProblem(req, res, body.problem)
    const reply = await route.run(context, req.params, body.value)
    if (reply === undefined) return sendProblem(req, res, { code: 'NOT_FOUND' })
    return 'problem' in reply ? sendProblem(req, res, reply.problem) : sendReply(res, reply)
  }
}

async function readBodyOf({ body }: PublicRoute, req: Request, res: Response): Promise<Result<unknown>> {
  if (body === undefined) return ok(undefined)
  const raw = await readJsonBody(req, res)
  return raw.ok ? parseInput(body, raw.value) : raw
}

/** Returns a test for the paths of the public routes that match. */
function pathsWhere(fits: (route: PublicRoute) => boolean): (path: string) => boolean {
  const paths = new Set(publicRoutes.filter(fits).map(route => route.path))
  return path => paths.has(path)
}
const isUnlimited = pathsWhere(route => route.isUnlimited === true)
/** Operators need health and metrics most during an overload. */
const alwaysAnswers = pathsWhere(route => route.isUnlimited === true || route.isInternal === true)
const isNamedFile = pathsWhere(route => route.isFile === true)
/** One route serves all files of a folder. */
const fileFolders = publicRoutes.flatMap(({ isFile, path }) => {
  return isFile === true && path.includes(':') ? [path.slice(0, path.indexOf(':'))] : []
})
const isFile = (path: string) => isNamedFile(path) || fileFolders.some(folder => path.startsWith(folder))

function guarded(
  route: Route,
  context: Context,
  doors: Pick<HttpAppOptions, 'verifyToken' | 'limits' | 'dispatch'>,
): RequestHandler {
  return async (req, res) => {
    const token = await authenticate(req.headers.authorization, route.roles, doors)
    if (!token.ok) return sendProblem(req, res, token.problem)
    const { caller, issuedAt } = token.value
    const result = await route.run(context, caller, {
      issuedAt,
      params: req.params,
      query: req.query,
      ifMatch: req.get('if-match'),
      idempotencyKey: req.get('idempotency-key'),
      path: req.path,
      readBody: () => readJsonBody(req, res),
    })
    return result.ok ? sendReply(res, result.value) : sendProblem(req, res, result.problem)
  }
}

function answerErrors(log: Logger): ErrorRequestHandler {
  return (error, req, res, _next) => {
    if (res.headersSent) return res.destroy()
    const expected = problemOf(error)
    if (expected !== undefined) return sendProblem(req, res, expected)
    log.error(
      { err: error, requestId: res.getHeader('x-request-id'), method: req.method, path: req.path },
      'unexpected error',
    )
    // The client gets only the request id, by which operators find the log line.
    return sendProblem(req, res, { code: 'INTERNAL_ERROR' })
  }
}

function problemOf(error: unknown): Problem | undefined {
  if (!isUndecodable(error)) return expectedProblem(error)
  return invalid([{ path: 'path', message: 'Expected a well-formed, percent-encoded address' }]).problem
}

/** The router's errors for `%zz`, for bytes that are not UTF-8, and for malformed addresses. */
function isUndecodable(error: unknown): boolean {
  const { status, code } = error as { status?: number; code?: string }
  return (error instanceof URIError && status === 400) || code === 'ERR_INVALID_URL'
}
