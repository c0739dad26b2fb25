/* What FCM's answers mean for what was sent: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode */
import type { PushResult } from '../../dispatch/ports.js'

/** An answer as firebase-admin's HTTP client has it. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string | undefined
}

export interface FcmVerdict {
  readonly result: PushResult
  /** Nothing should be sent for so long. */
  readonly pauseMs?: number
}

/** What FCM's documentation asks for where a 429 does not say how long to wait. */
const QUOTA_PAUSE_MS = 60_000
const MAX_ERROR_LENGTH = 300

interface ErrorBody {
  readonly status: string | undefined
  /** FCM's own code, which is more exact than the status. */
  readonly code: string | undefined
  readonly message: string | undefined
  /** What its client registered was never a token of FCM's. */
  readonly isTokenRefused: boolean
}

/** For an answer that is not 200. `now` is for a `Retry-After` that is a date. */
export function judgeAnswer({ status, headers, text }: HttpAnswer, now: number): FcmVerdict {
  const body = readError(text)
  const word = body.code ?? body.status ?? 'no code'
  const error = `FCM answered ${status} ${word}: ${body.message ?? text ?? ''}`.slice(0, MAX_ERROR_LENGTH)
  // A 404 without this word is a project that does not exist, and no reason to forget the device.
  if (body.code === 'UNREGISTERED' || body.isTokenRefused) return { result: { kind: 'unregistered' } }
  if (status === 400 || status === 413 || body.code === 'SENDER_ID_MISMATCH') {
    return { result: { kind: 'refused', error } }
  }
  const retryAfterMs = readRetryAfter(headers['retry-after'], now)
  // Without it, it may be this device's quota alone.
  const notBeforeMs = retryAfterMs ?? (status === 429 ? QUOTA_PAUSE_MS : undefined)
  return {
    result: { kind: 'failed', error, ...(notBeforeMs === undefined ? {} : { notBeforeMs }) },
    ...(retryAfterMs === undefined ? {} : { pauseMs: retryAfterMs }),
  }
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
export function readRetryAfter(header: unknown, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

function readError(text: string | undefined): ErrorBody {
  const error = parseObject(text)?.error as Record<string, unknown> | undefined
  const details = Array.isArray(error?.details) ? (error.details as Record<string, unknown>[]) : []
  const code = details.map(detail => detail?.errorCode).find(found => typeof found === 'string')
  const violations = details.flatMap(({ fieldViolations: found }) => (Array.isArray(found) ? found : []))
  const isTokenRefused = violations.some(violation => violation?.field === 'message.token')
  return {
    status: asText(error?.status),
    code: asText(code),
    message: asText(error?.message),
    isTokenRefused,
  }
}

const asText = (value: unknown) => (typeof value === 'string' ? value : undefined)

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
