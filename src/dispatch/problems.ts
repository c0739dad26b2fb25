import { defined } from '../types/defined.js'

/*
 * The registry of problems: every error that a client can get, with its HTTP status and its sentence for users (RFC
 * 9457 `title`). HTTP and sockets answer with the same problems. The OpenAPI document and docs/errors.md are generated
 * from this file.
 */

/** The entry of one problem in the registry. */
export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** When a client gets it. */
  readonly when: string
  /** What the client should do next. */
  readonly next: string
  /** Members beyond those of RFC 9457. A `?` marks one that is not always there. */
  readonly members?: readonly string[]
  /** The answer has a `Retry-After` header. */
  readonly isTemporary?: true
}

/** What the members of problems mean, for the documents. */
export const problemMembers = {
  errors: 'The invalid parts: `{path, message}` for each, twenty at most',
  broadcastId: 'The request that prevents this',
  version: 'The present version',
  retry: '`{href}`: where the customer can retry for the missing trucks',
} as const

export const problems = {
  VALIDATION_FAILED: {
    status: 400,
    title: 'The request is not valid',
    when: 'A field, header, query parameter or id is missing, unknown or invalid',
    next: 'Correct what `errors` names; an unchanged retry fails again',
    members: ['errors'],
  },
  MALFORMED_JSON: {
    status: 400,
    title: 'The body is not valid JSON',
    when: 'The body cannot be read, or is not JSON in UTF-8',
    next: 'Send JSON',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'Sign in first',
    when: 'The token is missing, not ours, expired, valid for too long, or of a session that was ended, or it is a refresh token that was used before',
    next: 'Refresh the token, or sign in again; `detail` says which',
  },
  FORBIDDEN: {
    status: 403,
    title: 'Not allowed for your role',
    when: 'The role in the token may never do this, or an administrator tries to turn itself off',
    next: 'Nothing: a retry with this role is refused too',
  },
  USER_INACTIVE: {
    status: 403,
    title: 'This user has been deactivated',
    when: 'An administrator has turned the user off',
    next: 'Sign out; only an administrator can turn the user on again',
  },
  DRIVER_NOT_IN_FLEET: {
    status: 403,
    title: 'This driver is not in your fleet',
    when: 'The accept names a driver that this transporter has not invited',
    next: 'Choose a driver from the fleet',
  },
  VEHICLE_NOT_IN_FLEET: {
    status: 403,
    title: 'This vehicle is not in your fleet',
    when: 'The vehicle belongs to another transporter, or does not exist',
    next: 'Choose a vehicle from the fleet',
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    when: 'It does not exist, or the caller may not know of it',
    next: 'Remove it from the screen',
  },
  ACTIVE_BROADCAST_EXISTS: {
    status: 409,
    title: 'Request already in progress. Cancel it first.',
    when: 'The customer has a request that still seeks trucks',
    next: 'Show the request `broadcastId`, or cancel it and retry',
    members: ['broadcastId'],
  },
  NO_LONGER_AVAILABLE: {
    status: 409,
    title: 'No longer available',
    when: 'Other transporters have taken all trucks of this type, or all trucks',
    next: 'Remove the offer from the list',
  },
  BROADCAST_CANCELLED: {
    status: 409,
    title: 'Request cancelled',
    when: 'The customer has cancelled',
    next: 'Remove the offer from the list',
  },
  BROADCAST_EXPIRED: {
    status: 409,
    title: 'Request expired',
    when: 'The request’s time is up',
    next: 'A transporter removes it from the list; its customer may use `retry`',
    members: ['retry?'],
  },
  DRIVER_BUSY: {
    status: 409,
    title: 'This driver is on another trip',
    when: 'The driver has a trip that is assigned or started',
    next: 'Choose another driver; the truck may still be open',
  },
  VEHICLE_BUSY: {
    status: 409,
    title: 'This vehicle is on another trip',
    when: 'The vehicle has a trip that is assigned or started',
    next: 'Choose another vehicle; the truck may still be open',
  },
  TOO_LATE_TO_CANCEL: {
    status: 409,
    title: 'Too late to cancel',
    when: 'All trucks were found, and a trip has started or the time to cancel is over',
    next: 'Read the request again',
    members: ['retry?'],
  },
  NOT_RETRYABLE: {
    status: 409,
    title: 'This request cannot be retried',
    when: 'It has not expired, has all its trucks, or was retried before',
    next: 'Show the retry `broadcastId` if it is given; otherwise create a new request',
    members: ['broadcastId?'],
  },
  DRIVER_TAKEN: {
    status: 409,
    title: 'This driver belongs to another transporter',
    when: 'The driver has agreed to another fleet',
    next: 'Ask the driver to leave that fleet first',
  },
  DRIVER_NOT_CONFIRMED: {
    status: 409,
    title: 'This driver has not agreed yet',
    when: 'The driver is invited and has not agreed to be in the fleet',
    next: 'Choose another driver, or wait until this one has agreed',
  },
  DRIVER_INACTIVE: {
    status: 409,
    title: 'This driver has been deactivated',
    when: 'An administrator has turned the driver off',
    next: 'Choose another driver',
  },
  VEHICLE_TAKEN: {
    status: 409,
    title: 'This vehicle belongs to another transporter',
    when: 'The id is already in another fleet',
    next: 'Choose another id',
  },
  IDEMPOTENCY_IN_FLIGHT: {
    status: 409,
    title: 'The same request is still being worked on',
    when: 'A request with the same Idempotency-Key has not been answered yet',
    next: 'Retry after `Retry-After`, with the same key',
    isTemporary: true,
  },
  EVENT_NOT_ALLOWED: {
    status: 409,
    title: 'Not possible in the present state',
    when: 'The state of the trip or offer does not allow it, or the transporter has released too many trips of the request',
    next: 'Read it again and show what its state allows',
  },
  STALE_VERSION: {
    status: 412,
    title: 'It has changed since you read it',
    when: '`If-Match` names an older version',
    next: 'Read it again and decide again',
    members: ['version'],
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    when: 'The body has more than a megabyte',
    next: 'Send less',
  },
  VEHICLE_TYPE_MISMATCH: {
    status: 422,
    title: 'Nobody asked for this vehicle type',
    when: 'The request needs other types than the vehicle’s',
    next: 'Choose a vehicle of a type that the request names',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'This idempotency key was used for another request',
    when: 'The same key came with another payload within a day',
    next: 'Use a new key for a new request',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    when: 'A limit on how often this may be done, or on how much one user may create, is reached; `detail` says which',
    next: 'Wait for `Retry-After`',
    isTemporary: true,
  },
  INTERNAL_ERROR: {
    status: 500,
    title: 'Something went wrong on our side',
    when: 'The server has a defect. It is logged with the answer’s `x-request-id`',
    next: 'Retry once, with an Idempotency-Key; report the `x-request-id` if it happens again',
  },
  UNAVAILABLE: {
    status: 503,
    title: 'Temporarily unavailable',
    when: 'The database is unavailable or overloaded',
    next: 'Retry after `Retry-After`, with the same Idempotency-Key',
    isTemporary: true,
  },
} as const satisfies Readonly<Record<string, ProblemKind>>

export type ProblemCode = keyof typeof problems

/** An expected failure, which a command returns instead of its value. */
export interface Problem {
  readonly code: ProblemCode
  /** What happened, for developers. Never a stack or a statement. */
  readonly detail?: string
  /** Members that the caller needs to go on: `errors`, `broadcastId`, `retry`, … */
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

export const problemType = (code: ProblemCode) =>
  `urn:loadcast:problem:${code.toLowerCase().replaceAll('_', '-')}`

/** The body of `application/problem+json` (RFC 9457). `instance` is the path of the request. */
export function problemDocument(p: Problem, instance?: string): Record<string, unknown> {
  const { status, title } = problems[p.code]
  return {
    type: problemType(p.code),
    title,
    status,
    code: p.code,
    ...defined({ detail: p.detail, instance }),
    ...p.members,
  }
}
