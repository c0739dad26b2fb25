import { defined } from '../types/defined.js'
import { noAnswer, type Result, toProblem } from './problem.js'

/** `isRefused`: the last token was refused, so a new one is needed. */
export type TokenSource = string | ((need: { readonly isRefused: boolean }) => string | Promise<string>)

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
  readonly body?: unknown
  readonly options?: CallOptions | undefined
}

export interface CallOptions {
  /** The same for every attempt. The server then does it once within 24 hours, however often it is sent. */
  readonly idempotencyKey?: string
  /** Refused with `STALE_VERSION` if the version has changed. */
  readonly ifVersion?: number
}

export interface Http {
  /** Never throws. If the token is refused, gets a new one and retries once. */
  call<T>(call: Call): Promise<Result<T>>
}

/** As long as a user with a bad network would wait. */
const TIMEOUT_MS = 20_000

export async function readToken(source: TokenSource, isRefused = false): Promise<string> {
  return typeof source === 'string' ? source : source({ isRefused })
}

export function createHttp(url: string, token: TokenSource, fetch: typeof globalThis.fetch): Http {
  async function attempt<T>(call: Call, isRefused: boolean): Promise<Result<T>> {
    const response = await fetch(addressOf(url, call), {
      method: call.method,
      headers: headersOf(call, await readToken(token, isRefused)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    })
    const text = await response.text()
    const { status, headers } = response
    if (response.ok) {
      const value = (text === '' ? undefined : JSON.parse(text)) as T
      return { ok: true, status, value, isReplayed: headers.get('idempotency-replayed') === 'true' }
    }
    return { ok: false, problem: toProblem(status, parseOrNothing(text), headers.get('retry-after')) }
  }

  return {
    async call<T>(call: Call) {
      try {
        const result = await attempt<T>(call, false)
        const isRefused = !result.ok && result.problem.code === 'UNAUTHENTICATED'
        return isRefused && typeof token === 'function' ? await attempt<T>(call, true) : result
      } catch (error) {
        return { ok: false, problem: noAnswer(error) }
      }
    },
  }
}

function addressOf(url: string, { path, query = {} }: Call): URL {
  const address = new URL(path, url)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) address.searchParams.set(name, String(value))
  }
  return address
}

function headersOf({ body, options = {} }: Call, token: string): Record<string, string> {
  const { idempotencyKey, ifVersion } = options
  return {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...defined({ 'idempotency-key': idempotencyKey }),
    ...(ifVersion === undefined ? {} : { 'if-match': `"${ifVersion}"` }),
  }
}

/** A proxy's error page is no problem document. */
function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
