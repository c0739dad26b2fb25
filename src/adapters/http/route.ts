/*
 * A route as data: what it is called, who may call it, what it takes, does and answers. Everything that has to know
 * all routes (mounting them, the OpenAPI document, the table of authorization, the fuzz test) reads the registry in
 * `routes.ts`. A route knows nothing of Express.
 */
import type { z } from 'zod'
import { type CommandName, rolesOf } from '../../dispatch/access.js'
import type { Dispatch } from '../../dispatch/api.js'
import type { Refresh } from '../../dispatch/auth/refresh.js'
import type { Caller, Role } from '../../dispatch/person.js'
import type { IdempotencyStore } from '../../dispatch/ports.js'
import { ok, type Problem, type ProblemCode, type Result } from '../../dispatch/problems.js'
import type { IdempotencyKey } from '../../runtime/types.js'
import { parseIfMatch } from './conditional.js'
import type { Service } from './health.js'
import { parseIdempotencyKey, runKeyed } from './idempotency.js'
import { parseOptional, parsePathIds } from './parse.js'
import type { Reply } from './reply.js'

/** What handlers work with. */
export interface Context {
  readonly dispatch: Dispatch
  readonly service: Service
  readonly keys: IdempotencyStore
  readonly refresh: Refresh
  /** The document at `/openapi.json`, as JSON. */
  readonly openApi: Buffer
}

/** A request as it came in. The body is read only for a route that takes one, after everything else fits. */
export interface RawRequest {
  /** Of the caller's token: seconds since the epoch. */
  readonly issuedAt: number
  readonly params: unknown
  readonly query: unknown
  readonly ifMatch: string | undefined
  readonly idempotencyKey: string | undefined
  /** Concrete, without the query. */
  readonly path: string
  readBody(): Promise<Result<unknown>>
}

export type Method = 'get' | 'post' | 'put' | 'delete'

interface Outline {
  readonly method: Method
  /** In full, with `:name` for what `params` parses. */
  readonly path: string
  /** Its name in the documentation, and of the function in generated clients. */
  readonly id: string
  /** One sentence for the documentation. */
  readonly summary: string
  /** Its successes by status. */
  readonly answers: Readonly<Record<number, Answer>>
}

/** What a success looks like. */
export interface Answer {
  readonly description: string
  /** JSON of this shape. Without it there is no body, or one of another `contentType`. */
  readonly body?: z.ZodType
  readonly contentType?: string
  readonly headers?: readonly AnswerHeader[]
}

export type AnswerHeader = 'location' | 'etag'

interface Schemas<P, Q, B> {
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly body?: z.ZodType<B>
  /** The caller chooses the id in the path: a bad one is a bad request, not something that is not there. */
  readonly namesNewId?: boolean
  /** Takes `If-Match`. */
  readonly isConditional?: boolean
}

/** What a handler is given: parsed, and nothing else. */
export interface RouteInput<P, Q, B> {
  readonly caller: Caller
  /** Of the caller's token: seconds since the epoch. */
  readonly issuedAt: number
  readonly params: P
  readonly query: Q
  readonly body: B
  /** Of dispatch's commands: `ifVersion` when `If-Match` was sent, `key` with `Idempotency-Key`. */
  readonly options: { readonly ifVersion?: number; readonly key?: IdempotencyKey }
}

/** What else the documentation says of a route that somebody calls. */
interface Described {
  /** Its rows of the access table; where there are several, the body's `type` says which. */
  readonly commands: readonly CommandName[]
  /** Problems of its own. Those that follow from what it takes need not be named. */
  readonly problems?: readonly ProblemCode[]
}

export interface Route extends Outline, Schemas<unknown, unknown, unknown>, Described {
  /** Who may ever call it: those of its commands. */
  readonly roles: readonly Role[]
  /** Some command of it records an idempotency key in its commit. */
  readonly recordsKey: boolean
  run(context: Context, caller: Caller, request: RawRequest): Promise<Result<Reply>>
}

/** A route without a caller: open to everyone. */
export interface PublicRoute extends Outline {
  /** Names what `params` may be, for the documentation. */
  readonly params?: z.ZodType
  /** What it takes; `run` is given it parsed. */
  readonly body?: z.ZodType
  /** Problems of its own. */
  readonly problems?: readonly ProblemCode[]
  /** Answers however often it is asked: whoever decides over the life of the process asks here. */
  readonly isUnlimited?: true
  /** Sent from memory, so it takes no admission place. */
  readonly isFile?: true
  /** Not for what comes through a proxy: for those who reach the process itself. */
  readonly isInternal?: true
  /** `undefined`: there is no such thing. */
  run(
    context: Context,
    params: Readonly<Record<string, unknown>>,
    body?: unknown,
  ): Promise<Reply | { readonly problem: Problem } | undefined>
}

export function route<P = undefined, Q = undefined, B = undefined>(
  spec: Outline &
    Schemas<P, Q, B> &
    Described & {
      /** Whether its command records an idempotency key in the commit of what it causes. */
      readonly commitsKey?: boolean | ((body: B) => boolean)
      handle(context: Context, input: RouteInput<P, Q, B>): Promise<Result<Reply>>
    },
): Route {
  const { commitsKey = false, handle, ...outline } = spec
  return {
    ...outline,
    roles: rolesOf(spec.commands),
    recordsKey: commitsKey !== false,
    async run(context, caller, request) {
      const input = await parseAll(spec, request)
      if (!input.ok) return input
      const { method } = spec
      const { options, ...rest } = input.value
      // Not `If-Match`: a client that repeats itself after reading again still means the same.
      const payload = { body: rest.body }
      const keyed = changesState(method)
        ? parseIdempotencyKey(request.idempotencyKey, { caller, method, path: request.path, payload })
        : ok(undefined)
      if (!keyed.ok) return keyed
      const key = keyed.value
      if (key === undefined) return handle(context, { caller, ...rest, options })
      const isCommitted = typeof commitsKey === 'function' ? commitsKey(rest.body) : commitsKey
      const work = () => handle(context, { caller, ...rest, options: { ...options, key } })
      return runKeyed(context, caller, key, isCommitted, work)
    },
  }
}

/** The contract's: any POST or PUT. A DELETE may be repeated as it is. */
export const changesState = (method: Method) => method === 'post' || method === 'put'

/** Every part in turn, from the cheapest on; the first that does not fit is the answer. */
async function parseAll<P, Q, B>(
  spec: Schemas<P, Q, B>,
  request: RawRequest,
): Promise<Result<Omit<RouteInput<P, Q, B>, 'caller'>>> {
  const params = parsePathIds(spec.params, request.params, spec.namesNewId ?? false)
  if (!params.ok) return params
  const query = parseOptional(spec.query, request.query)
  if (!query.ok) return query
  const options = spec.isConditional ? parseIfMatch(request.ifMatch) : ok({})
  if (!options.ok) return options
  const raw = spec.body === undefined ? ok(undefined) : await request.readBody()
  if (!raw.ok) return raw
  const body = parseOptional(spec.body, raw.value)
  if (!body.ok) return body
  const { issuedAt } = request
  return ok({ issuedAt, params: params.value, query: query.value, body: body.value, options: options.value })
}

/** Turns dispatch's answer into a reply, passing problems on. */
export function reply<T>(result: Result<T>, make: (value: T) => Reply): Result<Reply> {
  return result.ok ? ok(make(result.value)) : result
}

/** 200 with the value as it is. */
export function replyJson(result: Result<unknown>): Result<Reply> {
  return reply(result, body => ({ status: 200, body }))
}
