/*
 * The registry of problems: every error that a client can meet, with its HTTP status and its sentence
 * for people (RFC 9457 `title`). HTTP and sockets answer with the same ones.
 */
export const problems = {
  VALIDATION_FAILED: { status: 400, title: 'The request is not valid' },
  MALFORMED_JSON: { status: 400, title: 'The body is not valid JSON' },
  UNAUTHENTICATED: { status: 401, title: 'Sign in first' },
  FORBIDDEN: { status: 403, title: 'Not allowed for your role' },
  USER_INACTIVE: { status: 403, title: 'This user has been deactivated' },
  DRIVER_NOT_IN_FLEET: { status: 403, title: 'This driver is not in your fleet' },
  VEHICLE_NOT_IN_FLEET: { status: 403, title: 'This vehicle is not in your fleet' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  ACTIVE_BROADCAST_EXISTS: { status: 409, title: 'Request already in progress. Cancel it first.' },
  NO_LONGER_AVAILABLE: { status: 409, title: 'No longer available' },
  BROADCAST_CANCELLED: { status: 409, title: 'Request cancelled' },
  BROADCAST_EXPIRED: { status: 409, title: 'Request expired' },
  DRIVER_BUSY: { status: 409, title: 'This driver is on another trip' },
  VEHICLE_BUSY: { status: 409, title: 'This vehicle is on another trip' },
  TOO_LATE_TO_CANCEL: { status: 409, title: 'Too late to cancel' },
  NOT_RETRYABLE: { status: 409, title: 'This request cannot be retried' },
  DRIVER_TAKEN: { status: 409, title: 'This driver belongs to another transporter' },
  VEHICLE_TAKEN: { status: 409, title: 'This vehicle belongs to another transporter' },
  IDEMPOTENCY_IN_FLIGHT: { status: 409, title: 'The same request is still being worked on' },
  EVENT_NOT_ALLOWED: { status: 409, title: 'Not possible in the present state' },
  STALE_VERSION: { status: 412, title: 'It has changed since you read it' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  VEHICLE_TYPE_MISMATCH: { status: 422, title: 'Nobody asked for this vehicle type' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'This idempotency key was used for another request' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  UNAVAILABLE: { status: 503, title: 'Temporarily unavailable' },
} as const

export type ProblemCode = keyof typeof problems

/** An expected failure: what a command answers instead of its value. */
export interface Problem {
  readonly code: ProblemCode
  /** What happened here, for developers; never a stack or a statement. */
  readonly detail?: string
  /** Members that the caller needs next: `errors`, `broadcastId`, `retry`, … */
  readonly members?: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds?: number
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem }

export function ok<T>(value: T): Result<T> {
  return { ok: true, value }
}

export function problem(
  code: ProblemCode,
  more: Omit<Problem, 'code'> = {},
): { ok: false; problem: Problem } {
  return { ok: false, problem: { code, ...more } }
}

/** RFC 9457: the body of `application/problem+json`. `instance` is the path that was asked for. */
export function problemDocument(p: Problem, instance?: string): Record<string, unknown> {
  const { status, title } = problems[p.code]
  return {
    type: `urn:loadcast:problem:${p.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code: p.code,
    ...(p.detail === undefined ? {} : { detail: p.detail }),
    ...(instance === undefined ? {} : { instance }),
    ...p.members,
  }
}
