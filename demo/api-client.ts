/* The API as one user's app calls it: over HTTP with the user's token. */
import type { ProblemCode } from '../src/dispatch/problems.js'
import { type Ledger, now } from './ledger.js'

export interface Answer<T> {
  readonly status: number
  /** The body of a success. */
  readonly body: T | undefined
  /** The code of a problem. */
  readonly code: string | undefined
  readonly problem: Readonly<Record<string, unknown>> | undefined
  readonly sentAt: number
  readonly answeredAt: number
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly body?: unknown
  /** Problems that can happen to a correct client here. Any other is a surprise. */
  readonly expected?: readonly ProblemCode[]
}

export interface ApiClient {
  /** Never throws. A failed request is recorded and returned with status 0. */
  call<T>(call: Call): Promise<Answer<T>>
}

/** How long a phone on a bad network would wait. */
const TIMEOUT_MS = 20_000

export function createApiClient(url: string, token: string, ledger: Ledger): ApiClient {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return {
    async call<T>({ method, path, body, expected = [] }: Call) {
      const sentAt = now()
      const fail = (text: string) => ledger.surprise(`${method} ${path}: ${text}`)
      try {
        const response = await fetch(url + path, {
          method,
          headers,
          signal: AbortSignal.timeout(TIMEOUT_MS),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        const content = (await response.json()) as Record<string, unknown>
        const answer = { status: response.status, sentAt, answeredAt: now() }
        if (response.ok) return { ...answer, body: content as T, code: undefined, problem: undefined }
        const code = String(content.code)
        if (!expected.some(one => one === code)) fail(`${response.status} ${JSON.stringify(content)}`)
        return { ...answer, body: undefined, code, problem: content }
      } catch (error) {
        fail(`no answer: ${explain(error)}`)
        return { status: 0, body: undefined, code: undefined, problem: undefined, sentAt, answeredAt: now() }
      }
    },
  }
}

/** The message `fetch failed` says nothing, so its cause is added. */
function explain(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
