/*
 * Any URL with the transition API as a target. `POST <resource>` creates an instance, `POST <resource>/<id>/events` sends
 * it an event, and `GET <resource>/<id>` reads it. Nothing else is assumed about the server. An answer outside of the API
 * throws, so such a run never passes as a good one.
 */
import { z } from 'zod'
import { defined } from '../../types/defined.js'
import type { Answer, Create, Question, Read, Send, Session, Target } from '../run.js'
import type { Schedule } from '../schedule/schedule.js'

export interface UrlTargetOptions {
  readonly baseUrl: string
  /** The path of the collection, such as `/api/v1/broadcasts`. */
  readonly resource: string
  /** Headers of a request, with the caller's token. */
  headers?(question: Create | Send | Read): Record<string, string> | Promise<Record<string, string>>
  /** Creates what the schedule needs, such as users and fleets. */
  prepare?(schedule: Schedule): Promise<void>
  /** The body for an input or event. The default is the input or event itself. */
  inputBody?(question: Create): unknown
  eventBody?(question: Send): unknown
  /** Details of an answer beyond the API: the uid from which the machine took new ids, and the snapshot. */
  details?(body: Record<string, unknown>, question: Create | Send): { uid?: string; seen?: unknown }
  /** The largest difference between the server's clock and this one. */
  readonly clockErrorMs?: number
  readonly timeoutMs?: number
}

/** The server does not answer, or not as the transition API does. */
export class TargetError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'TargetError'
  }
}

const DEFAULT_CLOCK_ERROR_MS = 1_000
const DEFAULT_TIMEOUT_MS = 30_000
/** The part of an answer that an error message quotes. */
const SHOWN_CHARACTERS = 200

const version = z.int().min(1)
const transition = z.looseObject({ outcome: z.enum(['applied', 'unchanged']), version })
const created = z.looseObject({ id: z.string().min(1), version })
const problem = z.looseObject({ code: z.string().min(1), version: version.optional() })

export function urlTarget(options: UrlTargetOptions): Target {
  return {
    name: options.baseUrl,
    clockErrorMs: options.clockErrorMs ?? DEFAULT_CLOCK_ERROR_MS,
    async open(_subject, schedule) {
      await options.prepare?.(schedule)
      return new UrlSession(options)
    },
  }
}

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
  readonly what: string
}

class UrlSession implements Session {
  readonly #options: UrlTargetOptions

  constructor(options: UrlTargetOptions) {
    this.#options = options
  }

  nowMs(): number {
    return performance.now()
  }

  epochMs(): number {
    return Date.now()
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, ms))
  }

  async create(question: Create): Promise<Answer> {
    const { resource, inputBody, details } = this.#options
    const body = inputBody?.(question) ?? question.input
    const reply = await this.#request('POST', resource, question, body)
    if (reply instanceof Error) {
      throw new TargetError(`${this.#options.baseUrl} does not answer: ${reply.message}`, reply)
    }
    if (reply.status !== 201 && reply.status !== 200) return refusalOf(reply)
    const made = expect(created, reply, '{id, version}')
    // 200 means that it existed already, and this caller only reads it.
    if (reply.status === 200) {
      return { outcome: { kind: 'read', version: made.version }, instance: made.id }
    }
    const { uid, seen } = details?.(reply.body, question) ?? {}
    const outcome = { kind: 'applied', version: 1, ...defined({ uid }) } as const
    return { outcome, instance: made.id, seen: seen ?? reply.body }
  }

  async send(question: Send): Promise<Answer> {
    const { resource, eventBody, details } = this.#options
    const { instance, event, ifVersion, key } = question
    const path = `${resource}/${encodeURIComponent(instance)}/events`
    const reply = await this.#request('POST', path, question, eventBody?.(question) ?? event, {
      ...(ifVersion === undefined ? {} : { 'if-match': `"${ifVersion}"` }),
      ...defined({ 'idempotency-key': key }),
    })
    if (reply instanceof Error) return { outcome: { kind: 'unknown', error: reply.message } }
    if (reply.status !== 200) return refusalOf(reply)
    const { outcome, version } = expect(transition, reply, '{outcome: "applied" | "unchanged", version}')
    const { uid, seen = reply.body } = details?.(reply.body, question) ?? {}
    if (reply.headers.get('idempotency-replayed') === 'true') {
      const of = outcome === 'unchanged' ? ({ unchanged: true } as const) : {}
      return { outcome: { kind: 'replayed', instance, version, ...of }, seen }
    }
    if (outcome === 'unchanged') return { outcome: { kind: 'unchanged', version }, seen }
    return { outcome: { kind: 'applied', version, ...defined({ uid }) }, seen }
  }

  async read(question: Read): Promise<Answer> {
    const path = `${this.#options.resource}/${encodeURIComponent(question.instance)}`
    const reply = await this.#request('GET', path, question)
    if (reply instanceof Error) return { outcome: { kind: 'unknown', error: reply.message } }
    if (reply.status !== 200) return refusalOf(reply)
    return { outcome: { kind: 'read', version: expect(created, reply, '{id, version}').version } }
  }

  async settle(): ReturnType<Session['settle']> {
    return {}
  }

  async close(): Promise<void> {}

  /** Returns an `Error` if there was no answer. Throws `TargetError` if the answer is not a JSON object. */
  async #request(
    method: string,
    path: string,
    question: Question & (Create | Send | Read),
    body?: unknown,
    more: Record<string, string> = {},
  ): Promise<Reply | Error> {
    const { baseUrl, headers, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options
    const what = `${method} ${path}`
    const own = (await headers?.(question)) ?? {}
    let response: Response
    let text: string
    try {
      response = await fetch(new URL(path, baseUrl), {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...own, ...more },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      text = await response.text()
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
    const { status } = response
    let parsed: unknown
    try {
      parsed = JSON.parse(text)
    } catch {
      throw new TargetError(
        `${what} was answered ${status} with something that is not JSON: ${shorten(text)}`,
      )
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw new TargetError(`${what} was answered ${status} without a JSON object: ${shorten(text)}`)
    }
    return { status, headers: response.headers, body: parsed as Record<string, unknown>, what }
  }
}

function expect<T>(schema: z.ZodType<T>, { status, body, what }: Reply, expected: string): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw new TargetError(
    `${what} was answered ${status}; expected ${expected}, got ${shorten(JSON.stringify(body))}`,
  )
}

/** An operation that was not done, and the reason. The checker decides whether the machine gives it too. */
function refusalOf(reply: Reply): Answer {
  const { status, what } = reply
  const { code, version } = expect(problem, reply, 'a problem with a code')
  if (status === 401 || status === 403) {
    throw new TargetError(`${what} was answered ${status} ${code}: give the target tokens with permission`)
  }
  // Another request with the same key is in progress, so this one did nothing.
  if (status === 429 || status === 400 || status === 413 || code === 'IDEMPOTENCY_IN_FLIGHT') {
    return { outcome: { kind: 'failed', error: `${status} ${code}` } }
  }
  if (status === 503) return { outcome: { kind: 'unknown', error: `${status} ${code}` } }
  if (status >= 500)
    return { outcome: { kind: 'failed', error: `defect: ${what} was answered ${status} ${code}` } }
  return { outcome: { kind: 'refused', reason: code, ...defined({ version }) } }
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`
}
