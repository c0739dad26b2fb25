/*
 * The registry of problems: every error that a client can meet, with its HTTP status and its sentence for people
 * (RFC 9457 `title`). HTTP and sockets answer with the same ones; the OpenAPI document and docs/errors.md are written
 * from it.
 */

/** A problem as it is registered. */
export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** When it is met. */
  readonly when: string
  /** What the client does next. */
  readonly next: string
  /** Members that it carries beyond RFC 9457's: always, or, with a `?`, where they are known. */
  readonly members?: readonly string[]
  /** It comes with `Retry-After`. */
  readonly isTemporary?: true
}

/** What problems carry, for people who read about it. */
export const problemMembers = {
  errors: 'The faults: `{path, message}` for each, twenty at most',
  broadcastId: 'The request that stands in the way',
  version: 'The version it has now',
  retry: '`{href}`: where the customer asks again for the trucks that are missing',
} as const

export const problems = {
  VALIDATION_FAILED: {
    status: 400,
    title: 'The request is not valid',
    when: 'A field, a header, a query parameter or an id to be given is missing, unknown, or not what is expected',
    next: 'Correct what `errors` names; sending it again unchanged fails again',
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
    when: 'There is no token, or it is not one of ours, has expired, lives too long, is of a session that was ended, or is a refresh token that was used before',
    next: 'Refresh the token, or sign in anew; `detail` says which',
  },
  FORBIDDEN: {
    status: 403,
    title: 'Not allowed for your role',
    when: 'The role in the token may never do this; or an administrator would turn off itself',
    next: 'Nothing: no other request of this role would be allowed',
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
    when: 'The vehicle belongs to another transporter, or to none',
    next: 'Choose a vehicle from the fleet',
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    when: 'There is no such thing, or the caller may not know of it',
    next: 'Take it off the screen',
  },
  ACTIVE_BROADCAST_EXISTS: {
    status: 409,
    title: 'Request already in progress. Cancel it first.',
    when: 'The customer has a request that still seeks trucks',
    next: 'Show the request `broadcastId`, or cancel it and send this again',
    members: ['broadcastId'],
  },
  NO_LONGER_AVAILABLE: {
    status: 409,
    title: 'No longer available',
    when: 'Others have taken the trucks of this type, or all of them',
    next: 'Take the offer off the list',
  },
  BROADCAST_CANCELLED: {
    status: 409,
    title: 'Request cancelled',
    when: 'The customer has cancelled',
    next: 'Take the offer off the list',
  },
  BROADCAST_EXPIRED: {
    status: 409,
    title: 'Request expired',
    when: 'The request’s time is up',
    next: 'A transporter takes it off the list; its customer may ask again by `retry`',
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
    when: 'All trucks were found, and a trip has started or the time for second thoughts is over',
    next: 'Read the request again',
    members: ['retry?'],
  },
  NOT_RETRYABLE: {
    status: 409,
    title: 'This request cannot be retried',
    when: 'It has not expired, lacks no truck, or has been retried before',
    next: 'Where `broadcastId` is given, show that retry; else ask anew',
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
    when: 'The driver was invited into the fleet and has not agreed to it',
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
    when: 'The id is in another fleet already',
    next: 'Choose another id',
  },
  IDEMPOTENCY_IN_FLIGHT: {
    status: 409,
    title: 'The same request is still being worked on',
    when: 'A twin with the same Idempotency-Key has not been answered yet',
    next: 'Send it again after `Retry-After`, with the same key',
    isTemporary: true,
  },
  EVENT_NOT_ALLOWED: {
    status: 409,
    title: 'Not possible in the present state',
    when: 'The trip’s state, or the offer’s, does not allow it, or the transporter has released too many trips of the request',
    next: 'Read it again and offer what its state allows',
  },
  STALE_VERSION: {
    status: 412,
    title: 'It has changed since you read it',
    when: '`If-Match` names a version that it has left',
    next: 'Read it again and decide anew',
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
    when: 'The request asks for other types than the vehicle’s',
    next: 'Choose a vehicle of a type that the request names',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'This idempotency key was used for another request',
    when: 'The same key came with another payload within a day',
    next: 'Take a new key for a new request',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    when: 'A limit on how often this may be done, or on how much one user may make, is reached: `detail` says which',
    next: 'Wait for `Retry-After`',
    isTemporary: true,
  },
  INTERNAL_ERROR: {
    status: 500,
    title: 'Something went wrong on our side',
    when: 'A defect of ours. It is logged under the answer’s `x-request-id`',
    next: 'Send it again once, with an Idempotency-Key; report the `x-request-id` if it happens again',
  },
  UNAVAILABLE: {
    status: 503,
    title: 'Temporarily unavailable',
    when: 'The database is away, or more is asked than it can take',
    next: 'Send it again after `Retry-After`, with the same Idempotency-Key',
    isTemporary: true,
  },
} as const satisfies Readonly<Record<string, ProblemKind>>

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

export const problemType = (code: ProblemCode) =>
  `urn:loadcast:problem:${code.toLowerCase().replaceAll('_', '-')}`

/** RFC 9457: the body of `application/problem+json`. `instance` is the path that was asked for. */
export function problemDocument(p: Problem, instance?: string): Record<string, unknown> {
  const { status, title } = problems[p.code]
  return {
    type: problemType(p.code),
    title,
    status,
    code: p.code,
    ...(p.detail === undefined ? {} : { detail: p.detail }),
    ...(instance === undefined ? {} : { instance }),
    ...p.members,
  }
}
