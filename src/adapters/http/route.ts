/*
 * A route as data: its name, who may call it, its input, its work and its answers. Everything that needs all routes
 * reads the registry in `routes.ts`: mounting, the OpenAPI document, the access table and the fuzz test. A route does
 * not know Express.
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

/** What handlers may use. */
export interface Context {
  readonly dispatch: Dispatch
  readonly service: Service
  readonly keys: IdempotencyStore
  readonly refresh: Refresh
  /** The document at `/openapi.json`, as JSON. */
  readonly openApi: Buffer
}

/** A request before parsing. The body is read only if the route takes one, and after everything else was valid. */
export interface RawRequest {
  /** When the caller's token was issued, in seconds since the epoch. */
  readonly issuedAt: number
  readonly params: unknown
  readonly query: unknown
  readonly ifMatch: string | undefined
  readonly idempotencyKey: string | undefined
  /** The actual path, without the query. */
  readonly path: string
  readBody(): Promise<Result<unknown>>
}

export type Method = 'get' | 'post' | 'put' | 'delete'

interface Outline {
  readonly method: Method
  /** The full path, with `:name` for each of `params`. */
  readonly path: string
  /** The operation id in the OpenAPI document, and so the function's name in generated clients. */
  readonly id: string
  /** One sentence for the documentation. */
  readonly summary: string
  /** The successful answers by status. */
  readonly answers: Readonly<Record<number, Answer>>
}

/** A successful answer. */
export interface Answer {
  readonly description: string
  /** The shape of a JSON body. Absent: there is no body, or one of another `contentType`. */
  readonly body?: z.ZodType
  readonly contentType?: string
  readonly headers?: readonly AnswerHeader[]
}

export type AnswerHeader = 'location' | 'etag'

interface Schemas<P, Q, B> {
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly body?: z.ZodType<B>
  /** The caller chooses the id in the path, so a malformed id is a bad request instead of "not found". */
  readonly namesNewId?: boolean
  /** Takes `If-Match`. */
  readonly isConditional?: boolean
}

/** The parsed input of a handler. */
export interface RouteInput<P, Q, B> {
  readonly caller: Caller
  /** When the caller's token was issued, in seconds since the epoch. */
  readonly issuedAt: number
  readonly params: P
  readonly query: Q
  readonly body: B
  /** Options for dispatch's commands: `ifVersion` from `If-Match`, `key` from `Idempotency-Key`. */
  readonly options: { readonly ifVersion?: number; readonly key?: IdempotencyKey }
}

/** Further facts for the documentation of a route that needs a caller. */
interface Described {
  /** Its rows in the access table. If there are several, the `type` in the body selects one. */
  readonly commands: readonly CommandName[]
  /** Problems of this route. Those that follow from its input, such as a malformed body, need not be listed. */
  readonly problems?: readonly ProblemCode[]
}

export interface Route extends Outline, Schemas<unknown, unknown, unknown>, Described {
  /** The roles that may call it: those of its commands. */
  readonly roles: readonly Role[]
  /** At least one of its commands records an idempotency key in its commit. */
  readonly recordsKey: boolean
  run(context: Context, caller: Caller, request: RawRequest): Promise<Result<Reply>>
}

/** A route without authentication. */
export interface PublicRoute extends Outline {
  /** The possible values of `params`, for the documentation. */
  readonly params?: z.ZodType
  /** The body's schema. `run` gets the parsed body. */
  readonly body?: z.ZodType
  /** Problems of its own. */
  readonly problems?: readonly ProblemCode[]
  /** Never refused, whatever the load: orchestrators decide by it whether the process lives. */
  readonly isUnlimited?: true
  /** Sent from memory, so it takes no admission place. */
  readonly isFile?: true
  /** Not available through a proxy, only to callers that reach the process directly. */
  readonly isInternal?: true
  /** Returns `undefined` if there is nothing under these `params`. */
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
      /** Whether the command records an idempotency key in the commit of its change. */
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
      // Without `If-Match`: a client that reads again and repeats its request still means the same.
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

/** The contract accepts keys with any POST or PUT. A DELETE is safe to repeat without one. */
export const changesState = (method: Method) => method === 'post' || method === 'put'

/** Parses every part of a request, the cheapest first. Returns the first problem. */
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

/** Turns dispatch's result into a reply and passes problems on. */
export function reply<T>(result: Result<T>, make: (value: T) => Reply): Result<Reply> {
  return result.ok ? ok(make(result.value)) : result
}

/** 200 with the value as it is. */
export function replyJson(result: Result<unknown>): Result<Reply> {
  return reply(result, body => ({ status: 200, body }))
}
