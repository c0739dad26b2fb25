/*
 * The load of every fault scenario: customers create and cancel, transporters accept, drivers start and complete. Every
 * acknowledged write is recorded and later compared with the database. A call is retried with its key after a 503, a lost
 * connection or a timeout.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../engine/engine.js'
import { isOverdue, scaled } from '../engine/pace.js'
import { type Chance, createChance } from '../engine/seeded.js'
import { asking } from '../server/fleet.js'
import { tokenFor } from '../server/tokens.js'
import { castOf } from '../storm/people.js'
import type { User } from '../storm/processes.js'
import type { Query } from './run-once.js'

export interface Acknowledged {
  readonly what: 'create' | 'accept' | 'cancel' | 'start' | 'complete'
  readonly broadcastId: string
  readonly customerId: string
  readonly tripId?: string
  readonly version: number
  /** When the answered attempt began, by the clock of this process. */
  readonly sentAt: number
}

export interface WeatherLoad {
  readonly customers: readonly User[]
  readonly acknowledged: readonly Acknowledged[]
  /** Answers that no fault excuses, described, with their counts. */
  readonly failures: readonly string[]
  /** Number of the product's refusals, by code. */
  readonly refusals: ReadonlyMap<string, number>
  readonly toldToRetry: number
  readonly cutOff: number
  /** Resolves once more than two further writes for each customer are acknowledged. Rejects after `timeoutMs`, if given. */
  goesOn(timeoutMs?: number): Promise<void>
  /** Starts no more calls, and resolves when all started calls are done. */
  end(): Promise<void>
  /** Starts and retries no more calls, for a test that has failed. */
  abandon(): void
}

export interface WeatherLoadOptions {
  /** Returns the processes that may be called; used before each attempt. */
  readonly urls: () => readonly string[]
  readonly query: Query
  readonly customers: number
  readonly seed?: number
  /** A caller gives up an attempt after this and tries another process. Absent: a call that hangs is a failure. */
  readonly giveUpAfterMs?: number
}

const TRUCKS_EACH = 2
/** Each accepts once: more than the longest run needs. */
const TRUCKS = 20_000
const RETRY_MS = 100
/** Longer than any call may take, whatever the state of the database. */
const HANGS_AFTER_MS = 25_000
/** Longer than any fault here and the recovery from it. */
const ANSWERED_WITHIN_MS = 45_000
const PAUSE_MS = 500

interface Reply {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: the answer of any route
  readonly body: any
  readonly sentAt: number
}

/** Starts the load. Over 70 lines because its clients share what they have done and seen. */
export async function startWeatherLoad(options: WeatherLoadOptions): Promise<WeatherLoad> {
  const { urls, query, seed = 20_260_901, giveUpAfterMs } = options
  const { customers, transporters } = castOf(options.customers, 4)
  const acknowledged: Acknowledged[] = []
  const failures = new Map<string, number>()
  const refusals = new Map<string, number>()
  const fail = (text: string) => count(failures, text.replace(ID, '{id}'))
  const tokens = new Map<string, string>()
  for (const { id, role } of [...customers, ...transporters]) tokens.set(id, await tokenFor(role, id))
  await register(urls()[0] ?? '', transporters, tokens)
  await hireTrucks(query, transporters)
  let calls = 0
  let nextTruck = 0
  let toldToRetry = 0
  let cutOff = 0
  let isOver = false
  let isAbandoned = false

  async function call({ id }: User, path: string, body: object): Promise<Reply> {
    const number = calls++
    const headers = {
      authorization: `Bearer ${tokens.get(id)}`,
      'content-type': 'application/json',
      'idempotency-key': `weather-${number}`,
    }
    const begunAt = performance.now()
    let latest = 'no answer'
    for (let tries = 0; !isOverdue(begunAt, ANSWERED_WITHIN_MS) && !isAbandoned; tries++) {
      const all = urls()
      const url = all[(number + tries) % all.length]
      const sentAt = Date.now()
      const signal = AbortSignal.timeout(giveUpAfterMs ?? scaled(HANGS_AFTER_MS))
      const init = { method: 'POST', headers, body: JSON.stringify(body), signal }
      const response = await fetch(`${url}${path}`, init).catch(() => undefined)
      // biome-ignore lint/suspicious/noExplicitAny: the answer of whichever route
      const answer: any = await response?.json().catch(() => undefined)
      if (signal.aborted && giveUpAfterMs === undefined) fail(`POST ${path} hangs`)
      latest = response === undefined ? 'no answer' : `${response.status} ${answer?.detail}`
      if (response === undefined || answer === undefined) cutOff += 1
      else if (isToldToRetry(response, answer)) toldToRetry += 1
      else {
        if (response.status >= 500) fail(`POST ${path}: ${response.status} ${answer.code}`)
        if (response.status < 500) return { status: response.status, body: answer, sentAt }
      }
      await delay(RETRY_MS)
    }
    throw new Error(`No process answers POST ${path} of ${id}: ${latest}`)
  }

  /** The answer if the write was acknowledged; a refusal is counted. */
  async function write(what: Acknowledged['what'], user: User, path: string, body: object, known?: Known) {
    const { status, body: answer, sentAt } = await call(user, path, body)
    if (status >= 300) {
      count(refusals, answer.code)
      return undefined
    }
    const tripId = answer.assignment?.tripId ?? answer.trip?.id
    const broadcastId = known?.broadcastId ?? answer.id
    acknowledged.push({
      what,
      broadcastId,
      customerId: known?.customerId ?? user.id,
      version: answer.version,
      sentAt,
      ...(tripId === undefined ? {} : { tripId }),
    })
    return answer
  }

  async function accept(known: Known, chance: Chance): Promise<void> {
    const number = nextTruck++
    const owner = transporters[number % transporters.length] as User
    const truck = { driverId: `hired-${number}`, vehicleId: `hired-${number}` }
    const won = await write('accept', owner, `/api/v1/broadcast/${known.broadcastId}/accept`, truck, known)
    if (won === undefined || chance.below(2) === 0) return
    const path = `/api/v1/trips/${won.assignment.tripId}/events`
    const started = await write('start', owner, path, { type: 'start' }, known)
    if (started !== undefined) await write('complete', owner, path, { type: 'complete' }, known)
  }

  async function live(customer: User, chance: Chance): Promise<void> {
    while (!isOver) {
      const made = await write('create', customer, '/api/v1/broadcasts', asking(TRUCKS_EACH))
      await delay(chance.below(PAUSE_MS))
      if (made === undefined) continue // The customer still has a request, which ends by its deadline.
      const known = { broadcastId: made.id, customerId: customer.id }
      // Up to one accept more than there are trucks.
      await Promise.all(Array.from({ length: chance.below(TRUCKS_EACH + 2) }, () => accept(known, chance)))
      const path = `/api/v1/broadcasts/${made.id}/events`
      if (chance.below(3) > 0) await write('cancel', customer, path, { type: 'cancel' }, known)
    }
  }

  const lives = customers.map((customer, i) =>
    live(customer, createChance(seed + i)).catch(error => fail(String(error))),
  )
  return {
    customers,
    acknowledged,
    get failures() {
      return [...failures].map(([text, times]) => `${text} (${times} times)`)
    },
    refusals,
    get toldToRetry() {
      return toldToRetry
    },
    get cutOff() {
      return cutOff
    },
    async goesOn(timeoutMs) {
      const before = acknowledged.length
      await until(() => acknowledged.length > before + customers.length * 2, timeoutMs)
    },
    async end() {
      isOver = true
      await Promise.all(lives)
    },
    abandon() {
      isOver = true
      isAbandoned = true
    },
  }
}

const ID = /[0-9a-f]{8}-[0-9a-f-]{27}/g

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

interface Known {
  readonly broadcastId: string
  readonly customerId: string
}

/** The first call of a user creates the user. */
async function register(
  url: string,
  owners: readonly User[],
  tokens: ReadonlyMap<string, string>,
): Promise<void> {
  await Promise.all(
    owners.map(async ({ id }) => {
      const { status } = await fetch(`${url}/api/v1/transporter/availability`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${tokens.get(id)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ isAvailable: true }),
      })
      if (status !== 200) throw new Error(`availability: ${status}`)
    }),
  )
}

/** Inserted in SQL, because a call for each truck would take longer than the fault. */
async function hireTrucks(query: Query, owners: readonly User[]): Promise<void> {
  const ids = owners.map(({ id }) => id)
  // Truck n belongs to owner n modulo the number of owners, which `accept` relies on.
  const hired = `select 'hired-' || n, ($1::text[])[n % cardinality($1::text[]) + 1]`
  const from = `from generate_series(0, ${TRUCKS - 1}) n`
  await query(
    `insert into vehicles (id, transporter_id, vehicle_type, number) ${hired}, '14ft', 'HR ' || n ${from}`,
    [ids],
  )
  await query(
    `insert into drivers (id, transporter_id, name, confirmed_at) ${hired}, 'Hired ' || n, now() ${from}`,
    [ids],
  )
}

/** A 503 has Retry-After; a conflict with a call in progress means the same call, sent before. */
function isToldToRetry({ status, headers }: Response, { code }: { code?: string }): boolean {
  if (status === 503) return Number(headers.get('retry-after')) > 0
  return code === 'IDEMPOTENCY_IN_FLIGHT'
}
