/*
 * Accepts at a steady rate, however long each takes, by drivers and vehicles that nobody else has; some carry their trip
 * out. A call is repeated, with its key, only where the caller was told to come back or got no answer at all.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isOverdue, scaled } from '../engine/pace.js'
import { asking } from '../server/fleet.js'
import { tokenFor } from '../server/tokens.js'
import type { User } from '../storm/processes.js'

/** Within what somebody offers again who was told to come back. */
const RETRY_MS = 100
const ANSWERED_WITHIN_MS = 90_000
/** Longer than any call may take, however the database fares: who waits this long hangs. */
const HANGS_AFTER_MS = 40_000

export interface Load {
  /** Trips that were acknowledged. */
  readonly trips: ReadonlySet<string>
  /** Answers that nobody should get, in words. */
  readonly failures: readonly string[]
  /** Accepts that came too late for their request, or for one of its trucks. */
  readonly refused: number
  /** Calls that were told to come back, and calls that were cut off or refused a connection. */
  readonly toldToRetry: number
  readonly cutOff: number
  /** Begins no more, and resolves when all that has begun is done. */
  end(): Promise<void>
}

/** Each accepts once: more than the longest run needs. */
const TRUCKS = 40_000
/** Of the trips, so many are carried out. */
const CARRIED_OUT_ONE_IN = 5
/** A server that is slower than they come has so many to do at once; beyond it nothing is learnt. */
const MOST_UNDER_WAY = 500

export interface LoadOptions {
  readonly url: string
  readonly customers: readonly User[]
  readonly owners: readonly User[]
  /** Asks the database directly. */
  query(sql: string, values: unknown[]): Promise<unknown>
  readonly acceptsPerSecond: number
  /** How long a request lives: when it has ended its customer makes another. */
  readonly timeoutMs: number
  readonly trucksPerRequest: number
}

/** Starts the load. Over 70 lines because its clients share what they have done and seen. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { url, customers, owners, acceptsPerSecond, timeoutMs, trucksPerRequest } = options
  const trips = new Set<string>()
  const failures: string[] = []
  const open: string[] = []
  const tokens = new Map<string, string>()
  for (const { id, role } of [...customers, ...owners]) tokens.set(id, await tokenFor(role, id))
  let calls = 0
  let refused = 0
  let toldToRetry = 0
  let cutOff = 0
  let isOver = false

  async function call({ id }: User, method: string, path: string, body: object) {
    const headers = {
      authorization: `Bearer ${tokens.get(id)}`,
      'content-type': 'application/json',
      'idempotency-key': `rolling-${calls++}`,
    }
    for (const begunAt = performance.now(); !isOverdue(begunAt, ANSWERED_WITHIN_MS); ) {
      const signal = AbortSignal.timeout(scaled(HANGS_AFTER_MS))
      const init = { method, headers, body: JSON.stringify(body), signal }
      const response = await fetch(`${url}${path}`, init).catch(() => undefined)
      if (signal.aborted) failures.push(`${method} ${path} hangs`)
      // biome-ignore lint/suspicious/noExplicitAny: the answer of whichever route
      const answer: any = await response?.json().catch(() => undefined)
      if (response === undefined || answer === undefined) cutOff += 1
      else if (mayComeBack(response, answer)) toldToRetry += 1
      else return { status: response.status, body: answer }
      await delay(RETRY_MS)
    }
    throw new Error(`Nobody answers ${method} ${path}`)
  }

  async function expect2xx(user: User, method: string, path: string, body: object) {
    const answer = await call(user, method, path, body)
    if (answer.status >= 300) failures.push(`${method} ${path}: ${answer.status} ${answer.body.code}`)
    return answer
  }

  /** A user is there from its first call on; the rest would be a call for each truck. */
  async function register(): Promise<void> {
    await Promise.all(
      owners.map(owner => expect2xx(owner, 'PUT', '/api/v1/transporter/availability', { isAvailable: true })),
    )
    const hired = `select 'hired-' || n, ($1::text[])[n % cardinality($1::text[]) + 1]`
    const from = `from generate_series(0, ${TRUCKS - 1}) n`
    const ids = owners.map(({ id }) => id)
    await options.query(
      `insert into vehicles (id, transporter_id, vehicle_type, number) ${hired}, '14ft', 'HR ' || n ${from}`,
      [ids],
    )
    await options.query(
      `insert into drivers (id, transporter_id, name, confirmed_at) ${hired}, 'Hired ' || n, now() ${from}`,
      [ids],
    )
  }

  async function keepAsking(customer: User): Promise<void> {
    while (!isOver) {
      const { status, body } = await call(customer, 'POST', '/api/v1/broadcasts', asking(trucksPerRequest))
      if (status === 201 || status === 200) {
        open.push(body.id)
        await delay(Math.max(0, Date.parse(body.expiresAt) - Date.now()))
        open.splice(open.indexOf(body.id), 1)
      } else if (body.code !== 'ACTIVE_BROADCAST_EXISTS') failures.push(`create: ${status} ${body.code}`)
      // Its deadline is fired by whoever is up; until then the customer has its request still.
      await delay(timeoutMs / 20)
    }
  }

  async function acceptOne(id: string, number: number): Promise<void> {
    const owner = owners[number % owners.length] as User
    const truck = { driverId: `hired-${number}`, vehicleId: `hired-${number}` }
    const { status, body } = await call(owner, 'POST', `/api/v1/broadcast/${id}/accept`, truck)
    if (status !== 200) {
      if (['NO_LONGER_AVAILABLE', 'BROADCAST_EXPIRED'].includes(body.code)) refused += 1
      else failures.push(`accept: ${status} ${body.code}`)
      return
    }
    const { tripId } = body.assignment
    trips.add(tripId)
    if (number % CARRIED_OUT_ONE_IN !== 0) return
    await expect2xx(owner, 'POST', `/api/v1/trips/${tripId}/events`, { type: 'start' })
    await expect2xx(owner, 'POST', `/api/v1/trips/${tripId}/events`, { type: 'complete' })
  }

  await register()
  const asked = customers.map(customer =>
    keepAsking(customer).catch(error => void failures.push(String(error))),
  )
  const accepts = new Set<Promise<void>>()
  let next = 0
  const pulse = setInterval(() => {
    const id = open[next % Math.max(1, open.length)]
    if (id === undefined || accepts.size >= MOST_UNDER_WAY || next === TRUCKS) return
    const accept = acceptOne(id, next++)
      .catch(error => void failures.push(String(error)))
      .finally(() => accepts.delete(accept))
    accepts.add(accept)
  }, 1_000 / acceptsPerSecond)

  return {
    trips,
    failures,
    get refused() {
      return refused
    },
    get toldToRetry() {
      return toldToRetry
    },
    get cutOff() {
      return cutOff
    },
    async end() {
      isOver = true
      clearInterval(pulse)
      await Promise.all(asked)
      while (accepts.size > 0) await Promise.all(accepts)
    },
  }
}

/** A 503 says when; a twin that is still under way is the same call, sent before. */
function mayComeBack({ status, headers }: Response, { code }: { code?: string }): boolean {
  if (status === 503) return Number(headers.get('retry-after')) > 0
  return code === 'IDEMPOTENCY_IN_FLIGHT'
}
