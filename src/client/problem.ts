/* Failures that an app expects are results, not exceptions. */

/** The codes of the server. */
export type ProblemCode =
  | 'VALIDATION_FAILED'
  | 'MALFORMED_JSON'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'USER_INACTIVE'
  | 'DRIVER_NOT_IN_FLEET'
  | 'VEHICLE_NOT_IN_FLEET'
  | 'NOT_FOUND'
  | 'ACTIVE_BROADCAST_EXISTS'
  | 'NO_LONGER_AVAILABLE'
  | 'BROADCAST_CANCELLED'
  | 'BROADCAST_EXPIRED'
  | 'DRIVER_BUSY'
  | 'VEHICLE_BUSY'
  | 'TOO_LATE_TO_CANCEL'
  | 'NOT_RETRYABLE'
  | 'DRIVER_TAKEN'
  | 'DRIVER_NOT_CONFIRMED'
  | 'DRIVER_INACTIVE'
  | 'VEHICLE_TAKEN'
  | 'IDEMPOTENCY_IN_FLIGHT'
  | 'EVENT_NOT_ALLOWED'
  | 'STALE_VERSION'
  | 'PAYLOAD_TOO_LARGE'
  | 'VEHICLE_TYPE_MISMATCH'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'RATE_LIMITED'
  | 'INTERNAL_ERROR'
  | 'UNAVAILABLE'

export interface Problem {
  /**
   * `NO_ANSWER`: the network failed, and the outcome is unknown. `FAULT`: something between client and server answered
   * instead.
   */
  readonly code: ProblemCode | 'NO_ANSWER' | 'FAULT'
  /** 0 if there was no answer. */
  readonly status: number
  /** A sentence for users. */
  readonly title: string
  readonly detail?: string
  readonly retryAfterSeconds?: number
  /** With `ACTIVE_BROADCAST_EXISTS`: the request that is in progress. */
  readonly broadcastId?: string
  /** With `STALE_VERSION`: the present version. */
  readonly version?: number
  /** With `BROADCAST_EXPIRED`, for its customer: where to retry. */
  readonly retry?: { readonly href: string }
  /** With `VALIDATION_FAILED`. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}

export type Result<T> =
  | { readonly ok: true; readonly status: number; readonly value: T; readonly isReplayed: boolean }
  | { readonly ok: false; readonly problem: Problem }

/**
 * Turns an error response into a problem. If the body is no problem document, something in front of the server
 * answered.
 */
export function toProblem(status: number, document: unknown, retryAfter?: string | null): Problem {
  const members = typeof document === 'object' && document !== null ? (document as Partial<Problem>) : {}
  const { code = 'FAULT', title = 'Something went wrong' } = members
  const waitSeconds = members.retryAfterSeconds ?? Number(retryAfter ?? Number.NaN)
  return {
    ...members,
    code,
    title,
    status,
    ...(Number.isFinite(waitSeconds) ? { retryAfterSeconds: waitSeconds } : {}),
  }
}

/** `fetch failed` alone says nothing. Its cause has the reason. */
export function noAnswer(error: unknown): Problem {
  // Not by class, because an error may come from another realm.
  const { message = String(error), cause } = (error ?? {}) as Partial<Error>
  const because = (cause as Partial<Error> | undefined)?.message
  const detail = because === undefined ? message : `${message}: ${because}`
  return { code: 'NO_ANSWER', status: 0, title: 'No connection', detail }
}
