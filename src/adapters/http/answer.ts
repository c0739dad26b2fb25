/* The only place that writes to a response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Problem, type ProblemCode, problemDocument, problems } from '../../dispatch/problems.js'
import type { Reply } from './reply.js'

/**
 * Express's `res.json` is not used: it answers 304 to `If-None-Match`, though views can change without a new version.
 */
export function sendReply(res: ServerResponse, reply: Reply): void {
  if (reply.body === undefined) {
    res.writeHead(reply.status, reply.headers).end()
    return
  }
  const { body } = reply
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const headers = {
    'content-length': Buffer.byteLength(content),
    'content-type': 'application/json; charset=utf-8',
    ...reply.headers,
  }
  res.writeHead(reply.status, headers).end(content)
}

/** The problem that a response carries, for metrics and logs. */
const codes = new WeakMap<ServerResponse, ProblemCode>()
export const problemCodeOf = (res: ServerResponse): ProblemCode | undefined => codes.get(res)

export function sendProblem(req: IncomingMessage, res: ServerResponse, problem: Problem): void {
  const { status } = problems[problem.code]
  codes.set(res, problem.code)
  sendReply(res, {
    status,
    headers: {
      'content-type': 'application/problem+json; charset=utf-8',
      ...(status === 401 ? { 'www-authenticate': challenge(req) } : {}),
      ...(problem.retryAfterSeconds === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(problem.retryAfterSeconds))) }),
    },
    body: JSON.stringify(problemDocument(problem, pathOf(req))),
  })
}

/** RFC 6750 §3: without a token the challenge names no error. */
function challenge(req: IncomingMessage): string {
  return req.headers.authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
}

/** The path of a request, without the query. */
export function pathOf(req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/'
}
