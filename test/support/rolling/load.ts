/*
 * Accepts at a steady rate through a balancer, each by a driver and vehicle of its own that carry the trip out and are
 * free again. A call is repeated, with its key, only where the caller was told to come back or got no answer at all.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { asking } from '../fleet.js'
import type { User } from '../storm/processes.js'
import { tokenFor } from '../tokens.js'

/** Within what somebody offers again who was told to come back. */
const RETRY_MS = 100
const MOST_TRIES = 600
/** Longer than any call may take, however the database fares: who waits this long hangs. */
const HANGS_AFTER_MS = 40_000

export interface Load {
  /** Trips that were acknowledged. */
  readonly trips: ReadonlySet<string>
  /** Answers that nobody should get, in words. */
  readonly failures: readonly string[]
  /** Calls that were told to come back, and calls that were cut off or refused a connection. */
  readonly toldToRetry: number
  readonly cutOff: number
  /** Begins no more, and resolves when all that has begun is done. */
  end(): Promise<void>
}

interface Truck {
  readonly owner: User
  readonly driverId: string
  readonly vehicleId: string
}

export interface LoadOptions {
  readonly url: string
  readonly customers: readonly User[]
  readonly owners: readonly User[]
  readonly trucks: number
  readonly acceptsPerSecond: number
  /** How long a request lives: when it has ended its customer makes another. */
  readonly timeoutMs: number
  readonly trucksPerRequest: number
}

export async function startLoad(options: LoadOptions): Promise<Load> {
  const { url, customers, owners, acceptsPerSecond, timeoutMs, trucksPerRequest } = options
  const trips = new Set<string>()
  const failures: string[] = []
  const open: string[] = []
  const tokens = new Map<string, string>()
  for (const { id, role } of [...customers, ...owners]) tokens.set(id, await tokenFor(role, id))
  let calls = 0
  let toldToRetry = 0
  let cutOff = 0
  let isOver = false

  async function call({ id }: User, method: string, path: string, body: object) {
    const headers = {
      authorization: `Bearer ${tokens.get(id)}`,
      'content-type': 'application/json',
      'idempotency-key': `rolling-${calls++}`,
    }
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const signal = AbortSignal.timeout(HANGS_AFTER_MS)
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

  const free: Truck[] = []
  async function register(number: number): Promise<void> {
    const owner = owners[number % owners.length] as User
    const truck = { owner, driverId: `hired-${number}`, vehicleId: `hired-${number}` }
    const vehicle = { vehicleType: '14ft', number: `HR ${number}` }
    await expect2xx(owner, 'PUT', `/api/v1/transporter/vehicles/${truck.vehicleId}`, vehicle)
    await expect2xx(owner, 'PUT', `/api/v1/transporter/drivers/${truck.driverId}`, {
      name: `Hired ${number}`,
    })
    free.push(truck)
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

  async function acceptOne(id: string, { owner, ...truck }: Truck): Promise<void> {
    const { status, body } = await call(owner, 'POST', `/api/v1/broadcast/${id}/accept`, truck)
    if (status !== 200) {
      const isFair = ['NO_LONGER_AVAILABLE', 'BROADCAST_EXPIRED'].includes(body.code)
      if (!isFair) failures.push(`accept: ${status} ${body.code}`)
      return
    }
    const { tripId } = body.assignment
    trips.add(tripId)
    await expect2xx(owner, 'POST', `/api/v1/trips/${tripId}/events`, { type: 'start' })
    await expect2xx(owner, 'POST', `/api/v1/trips/${tripId}/events`, { type: 'complete' })
  }

  await Promise.all(Array.from({ length: options.trucks }, (_, i) => register(i)))
  const asked = customers.map(customer =>
    keepAsking(customer).catch(error => void failures.push(String(error))),
  )
  const accepts = new Set<Promise<void>>()
  const pulse = setInterval(() => {
    const truck = free.shift()
    const id = open[calls % Math.max(1, open.length)]
    if (truck === undefined || id === undefined) {
      if (truck !== undefined) free.push(truck)
      return
    }
    const accept = acceptOne(id, truck)
      .then(() => void free.push(truck))
      .catch(error => void failures.push(String(error)))
      .finally(() => accepts.delete(accept))
    accepts.add(accept)
  }, 1_000 / acceptsPerSecond)

  return {
    trips,
    failures,
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
