/* Interprets FCM's answers: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode */
import type { PushResult } from '../../dispatch/ports.js'

/** An answer as firebase-admin's HTTP client represents it. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string | undefined
}

export interface FcmVerdict {
  readonly result: PushResult
  /** FCM asks to send nothing for this long. */
  readonly pauseMs?: number
}

/** The pause that FCM's documentation requires after a 429 without `Retry-After`. */
const QUOTA_PAUSE_MS = 60_000
const MAX_ERROR_LENGTH = 300

interface ErrorBody {
  readonly status: string | undefined
  /** FCM's own error code, which is more exact than the status. */
  readonly code: string | undefined
  readonly message: string | undefined
  /** The registered text never was an FCM token. */
  readonly isTokenRefused: boolean
}

/** Interprets an answer other than 200. `now` in milliseconds is needed for a `Retry-After` with a date. */
export function judgeAnswer({ status, headers, text }: HttpAnswer, now: number): FcmVerdict {
  const body = readError(text)
  const word = body.code ?? body.status ?? 'no code'
  const error = `FCM answered ${status} ${word}: ${body.message ?? text ?? ''}`.slice(0, MAX_ERROR_LENGTH)
  // A 404 without this code means an unknown project, which is no reason to forget the device.
  if (body.code === 'UNREGISTERED' || body.isTokenRefused) return { result: { kind: 'unregistered' } }
  if (status === 400 || status === 413 || body.code === 'SENDER_ID_MISMATCH') {
    return { result: { kind: 'refused', error } }
  }
  const retryAfterMs = readRetryAfter(headers['retry-after'], now)
  // Without the header the limit may concern only this device, so other messages are not paused.
  const notBeforeMs = retryAfterMs ?? (status === 429 ? QUOTA_PAUSE_MS : undefined)
  return {
    result: { kind: 'failed', error, ...(notBeforeMs === undefined ? {} : { notBeforeMs }) },
    ...(retryAfterMs === undefined ? {} : { pauseMs: retryAfterMs }),
  }
}

/** Milliseconds from a header in seconds or with a date (RFC 9110 §10.2.3); `undefined` for anything else. */
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
