import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { until } from '../support/engine/engine.js'
import { scaled, slowness } from '../support/engine/pace.js'
import { type Answer, createClient } from '../support/server/clients.js'
import { DROP, PICKUP } from '../support/server/fleet.js'
import type { ServerProcess } from '../support/server/server-process.js'
import { startTwoServers, type TwoServers } from '../support/server/two-servers.js'

/* The owner's criteria P2.2 and P2.3: deadlines are kept, whichever processes run. */

/** Longer than the end of the process that armed it takes. */
const TIMEOUT_SECONDS = Math.ceil(3 * slowness())
const STEP_SECONDS = 0.5
/** A killed process may hold the lease of a timer for three seconds. */
const PATIENCE_MS = TIMEOUT_SECONDS * 1_000 + 30_000
/** How often somebody asks for a truck while processes come and go. */
const EVERY_MS = 60

let servers: TwoServers

beforeAll(async () => {
  servers = await startTwoServers({
    BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
    REACH_STEPS_KM: '10',
    REACH_STEP_SECONDS: String(STEP_SECONDS),
  })
})
afterAll(async () => {
  await servers.delivered()
  const faults = await servers.faults()
  await servers.close()
  expect(faults).toEqual([])
})

const booking = { pickup: PICKUP, drop: DROP, vehicleType: 'nobodys', trucksNeeded: 1 }
const order = {
  pickup: PICKUP,
  drop: DROP,
  truckRequests: [
    { vehicleType: 'nobodys', quantity: 1 },
    { vehicleType: 'not_here', quantity: 1 },
  ],
}

interface Expiry {
  readonly id: string
  readonly status: string
  readonly kind: string
  readonly created: number
  /** From the creation to the stamp of the expiry. */
  readonly after: number
  /** From the creation to the stamps of the reach's steps. */
  readonly steps: readonly number[]
  /** How long after its time it was written: what the others had to wait. */
  readonly late: number
}

const expiriesSql = `
select i.id, i.status, i.snapshot_json->'context'->>'kind' as kind,
  (extract(epoch from i.created_at) * 1000)::float8 as created,
  (extract(epoch from e.at - i.created_at) * 1000)::integer as after,
  (extract(epoch from e.recorded_at - e.at) * 1000)::integer as late,
  array(
    select (extract(epoch from j.at - i.created_at) * 1000)::integer from journal j
    where j.instance = i.id and j.event_json->>'type' like '%reachStep%' order by j.version
  ) as steps
from instances i left join events e on e.instance = i.id and e.type = 'broadcast.expired'
where i.id = any($1::uuid[])`

const expiriesOf = (ids: readonly string[]) =>
  servers.query<Expiry & { [column: string]: unknown }>(expiriesSql, [ids])

/**
 * All of them end at their time, by the one setting, with every step of the reach at its own. A process that is
 * killed while it fires a step holds its lease for three seconds: then the deadline may come first.
 */
async function expectExpiries(ids: readonly string[], killedAt = 0): Promise<readonly Expiry[]> {
  await until(async () => (await expiriesOf(ids)).every(({ status }) => status === 'expired'), PATIENCE_MS)
  const expiries = await expiriesOf(ids)
  expect(expiries).toHaveLength(ids.length)
  const due = [1, 2].map(n => n * STEP_SECONDS * 1000)
  const wrong = expiries.filter(({ after, steps, created }) => {
    const stepsDue = Math.abs(created - killedAt) < TIMEOUT_SECONDS * 1000 ? due.slice(0, steps.length) : due
    return after !== TIMEOUT_SECONDS * 1000 || steps.join() !== stepsDue.join()
  })
  expect(wrong).toEqual([])
  return expiries
}

const create = async (url: string, name: string, kind: 'booking' | 'order'): Promise<Answer> => {
  const customer = await createClient(url, 'customer', name)
  return kind === 'booking'
    ? customer.post('/api/v1/booking', booking)
    : customer.post('/api/v1/orders', order)
}

const lifetimeOf = ({ body }: Answer) => Date.parse(body.expiresAt) - Date.parse(body.createdAt)

describe('the deadline', () => {
  test.concurrent('P2.3 R5.1 is BROADCAST_TIMEOUT_SECONDS for both kinds, made on either process', async () => {
    const answers = await Promise.all(
      servers.urls.flatMap((url, i) => [
        create(url, `p23-booking-${i}`, 'booking'),
        create(url, `p23-order-${i}`, 'order'),
      ]),
    )
    expect(answers.map(answer => answer.body.kind)).toEqual(['booking', 'order', 'booking', 'order'])
    expect(answers.map(lifetimeOf)).toEqual(Array(4).fill(TIMEOUT_SECONDS * 1000))
    expect(answers.map(answer => answer.body.timeoutSeconds)).toEqual(Array(4).fill(TIMEOUT_SECONDS))
    await expectExpiries(answers.map(answer => answer.body.id))
  })

  test.concurrent.each(['SIGTERM', 'SIGKILL'] as const)(
    'P2.3 R5.1 R5.2 of both kinds is kept by the others when the process that armed it ends by %s',
    async signal => {
      const third = await servers.start()
      const answers = await Promise.all([
        create(third.url, `p23-${signal}-booking`, 'booking'),
        create(third.url, `p23-${signal}-order`, 'order'),
      ])
      expect(answers.map(answer => answer.status)).toEqual([201, 201])
      expect(await third.end(signal)).toBe(signal === 'SIGTERM' ? 0 : 'SIGKILL')
      const ids = answers.map(answer => answer.body.id)
      const stillSeeking = await expiriesOf(ids)
      expect(stillSeeking.map(({ status }) => status)).toEqual(['searching', 'searching'])
      await expectExpiries(ids, signal === 'SIGKILL' ? Date.now() : undefined)
    },
  )
})

describe('a rolling deployment', () => {
  test('P2.2 R5.2 of three generations loses no timer: every request ends at its time, whichever processes run', async () => {
    const up: ServerProcess[] = [servers.home, servers.other]
    const acknowledged: string[] = []
    const refused: Answer[] = []
    let unanswered = 0
    let killedAt = 0
    let made = 0
    const ask = async () => {
      const n = made++
      const server = up[n % up.length]
      if (server === undefined) throw new Error('Nobody is up')
      try {
        const answer = await create(server.url, `p22-${n}`, n % 2 === 0 ? 'booking' : 'order')
        if (answer.status === 201) acknowledged.push(answer.body.id)
        else refused.push(answer)
      } catch {
        unanswered++
      }
    }
    const asks: Promise<void>[] = []
    const traffic = setInterval(() => asks.push(ask()), EVERY_MS)

    /** As in a deployment: the new process is up, the old one gets no more requests and is then stopped. */
    const replace = async (old: ServerProcess, signal: NodeJS.Signals) => {
      const fresh = await servers.start()
      up.push(fresh)
      // One that dies gives no notice, whatever is under way.
      if (signal === 'SIGKILL') {
        asks.push(...Array.from({ length: 10 }, ask))
        killedAt = Date.now()
        expect(await old.end(signal)).toBe('SIGKILL')
      }
      up.splice(up.indexOf(old), 1)
      if (signal === 'SIGTERM') expect(await old.end(signal)).toBe(0)
      return fresh
    }
    const [second, secondOther] = [
      await replace(servers.home, 'SIGTERM'),
      await replace(servers.other, 'SIGTERM'),
    ]
    await replace(second, 'SIGTERM')
    await replace(secondOther, 'SIGKILL')
    clearInterval(traffic)
    await Promise.all(asks)

    expect(refused.map(({ status, body }) => ({ status, body }))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(20)
    // Also those whose answer was lost with the process that died.
    const stored = await servers.query<{ id: string }>("select id from instances where owner like 'p22-%'")
    const ids = stored.map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(acknowledged))
    expect(ids.length).toBeLessThanOrEqual(acknowledged.length + unanswered)
    const expiries = await expectExpiries(ids, killedAt)
    expect(new Set(expiries.map(({ kind }) => kind))).toEqual(new Set(['booking', 'order']))
    const late = expiries.map(expiry => expiry.late).sort((a, b) => a - b)
    process.stdout.write(
      `P2.2: ${ids.length} requests expired, half of them within ${late[late.length >> 1]} ms after their time, ` +
        `the last ${late.at(-1)} ms after; ${unanswered} calls were cut off\n`,
    )
    expect(late.at(-1)).toBeLessThan(scaled(30_000))
  })
})
