import { afterEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { type Caps, NO_CAPS } from '../../../src/dispatch/caps.js'
import type { Result } from '../../../src/dispatch/problems.js'
import { onStatement, statementsOf } from '../../support/database/statements.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openDispatch, type Product } from '../../support/engine/dispatch.js'
import { until } from '../../support/engine/engine.js'
import { customer, DROP, PICKUP } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'

const { connectionString, sql } = await useDatabase()
const opened: Product[] = []

// What goes on in an engine that has started would be counted by the tests after it.
afterEach(async () => {
  await Promise.all(opened.splice(0).map(product => product.close()))
})

/** As another process would have it, with these caps. */
function open(caps: Partial<Caps>, more: { broadcastTimeoutMs?: number } = {}): Product {
  const product = openDispatch(connectionString, { ...more, caps: { ...NO_CAPS, ...caps } })
  opened.push(product)
  return product
}

type Me = ReturnType<typeof customer>
const create = ({ dispatch }: Product, me: Me, count = 1) => dispatch.createBroadcast(me, asking(count))
const cancel = ({ dispatch }: Product, me: Me, id: string) =>
  dispatch.sendToBroadcast(me, id, { type: 'cancel' })

async function createAndCancel(product: Product, me: Me): Promise<string> {
  const { id } = expectOk(await create(product, me)).broadcast
  expectOk(await cancel(product, me, id))
  return id
}

function problemOf(result: Result<unknown>) {
  if (result.ok) throw new Error('Expected a problem')
  return result.problem
}

/** Moves what the customer has made into the past. */
async function age(me: Me, ms: number): Promise<void> {
  await sql.query(
    `update loadcast.instances set created_at = created_at - $2 * interval '1 millisecond' where owner = $1`,
    [me.id, ms],
  )
}

const made = async (me: Me) =>
  (await sql.query('select from loadcast.instances where owner = $1', [me.id])).rowCount

describe('CREATES_PER_MINUTE', () => {
  it('R11.4 counts a customer’s requests on all creating routes; the refusal names the limit and when to retry', async () => {
    const product = open({ createsPerMinute: 3 })
    const me = customer('c-forms')
    const both = { pickup: PICKUP, drop: DROP }
    const booking = { ...both, vehicleType: '14ft', trucksNeeded: 1 }
    const order = { ...both, truckRequests: [{ vehicleType: '14ft', quantity: 1 }] }
    await createAndCancel(product, me)
    const { dispatch } = product
    expectOk(await cancel(product, me, expectOk(await dispatch.createBooking(me, booking)).broadcast.id))
    expectOk(await cancel(product, me, expectOk(await dispatch.createOrder(me, order)).broadcast.id))
    for (const refused of [
      await create(product, me),
      await dispatch.createBooking(me, booking),
      await dispatch.createOrder(me, order),
    ]) {
      const { code, detail, retryAfterSeconds } = problemOf(refused)
      expect(code).toBe('RATE_LIMITED')
      expect(detail).toBe('At most 3 requests of a customer within a minute')
      expect(retryAfterSeconds).toBeGreaterThan(50)
      expect(retryAfterSeconds).toBeLessThanOrEqual(60)
    }
    expect(await made(me)).toBe(3)
    // Nobody else is counted with it, and room comes back with time.
    expectOk(await create(product, customer('c-other')))
    await age(me, 60_000)
    expectOk(await create(product, me))
  })

  it('R11.4 counts a retry as a create, but not one that returns an existing request', async () => {
    const brief = open({ createsPerMinute: 2 }, { broadcastTimeoutMs: 300 })
    await brief.engine.start()
    const me = customer('c-retry')
    const { id } = expectOk(await create(brief, me)).broadcast
    await until(async () => (await brief.engine.get(id))?.status === 'expired')
    const long = open({ createsPerMinute: 2 })
    const retried = expectOk(await long.dispatch.retryBroadcast(me, id)).broadcast.id
    for (let i = 0; i < 3; i++) {
      expect(expectOk(await long.dispatch.retryBroadcast(me, id)).broadcast.id).toBe(retried)
    }
    expectOk(await cancel(long, me, retried))
    expect(expectProblem(await create(long, me))).toBe('RATE_LIMITED')
  })

  it('R11.4 allows repeats: a double tap, a key, and a request that is refused because another one is active', async () => {
    const product = open({ createsPerMinute: 1 })
    const me = customer('c-taps')
    const key = { scope: `customer ${me.id}`, key: 'k', fingerprint: 'f' }
    const first = expectOk(await product.dispatch.createBroadcast(me, asking(2), { key })).broadcast
    for (let i = 0; i < 5; i++) {
      expect(expectOk(await create(product, me, 2))).toMatchObject({
        isNew: false,
        broadcast: { id: first.id },
      })
    }
    expect(expectProblem(await create(product, me, 3))).toBe('ACTIVE_BROADCAST_EXISTS')
    // Its answer is looked up by the door: nothing new is made of it.
    expect(expectProblem(await product.dispatch.createBroadcast(me, asking(2), { key }))).toBe(
      'IDEMPOTENCY_IN_FLIGHT',
    )
    expectOk(await cancel(product, me, first.id))
    expect(expectProblem(await create(product, me, 2))).toBe('RATE_LIMITED')
    expect(expectProblem(await product.dispatch.createBroadcast(me, asking(2), { key }))).toBe(
      'IDEMPOTENCY_IN_FLIGHT',
    )
    expect(await made(me)).toBe(1)
  })

  it('R11.4 applies over all processes, however many creates and cancels run at once', async () => {
    const products = [open({ createsPerMinute: 5 }), open({ createsPerMinute: 5 })]
    const me = customer('c-processes')
    const codes = new Set<string>()
    const loop = async (product: Product) => {
      for (let i = 0; i < 15; i++) {
        const answer = await create(product, me, 1 + i)
        if (answer.ok) await cancel(product, me, answer.value.broadcast.id)
        else codes.add(answer.problem.code)
      }
    }
    await Promise.all([...products, ...products].map(loop))
    expect(await made(me)).toBe(5)
    expect(codes.has('RATE_LIMITED')).toBe(true)
  })

  it('R11.4 waits for uncommitted creates of other processes, so that none is missed', async () => {
    const product = open({ createsPerMinute: 1 })
    const me = customer('c-uncommitted')
    // What another process does while it makes a request of this customer.
    const other = await sql.connect()
    await other.query('begin')
    await other.query('select loadcast.room_for_instance($1, 1, 60000, null)', [me.id])
    await other.query(
      `insert into loadcast.instances (id, machine, definition_version, version, status, owner, created_at, updated_at, snapshot)
       values (gen_random_uuid(), 'elsewhere', 1, 1, 'made', $1, now(), now(), '{}')`,
      [me.id],
    )
    // An id is a time: this one is of now.
    await other.query(
      `update loadcast.instances set id = overlay(loadcast.first_id_at(now())::text placing '7' from 15 for 1)::uuid
       where owner = $1`,
      [me.id],
    )
    let answered = false
    let attempts = 0
    const stop = onStatement(({ text }) => {
      if (text.includes('room_for_instance')) attempts++
    })
    const answer = create(product, me).finally(() => {
      answered = true
    })
    try {
      await until(() => attempts >= 3)
      expect(answered).toBe(false)
      await other.query('commit')
    } finally {
      stop()
      other.release(true)
    }
    expect(expectProblem(await answer)).toBe('RATE_LIMITED')
  })

  it('R11.4 R3.3 a double tap that is counted while the first commits is still a double tap', async () => {
    const [capped, old] = [open({ createsPerMinute: 1 }), open({})]
    const me = customer('c-twin')
    await sql.query(`
      create table public.held (is_held boolean);
      insert into public.held values (true);
      alter function loadcast.room_for_instance rename to room_for_instance_once_held;
      create function loadcast.room_for_instance(o text, m integer, w double precision, s text) returns double precision
      language plpgsql as $$
      begin
        while exists (select from public.held) loop perform pg_sleep(0.005); end loop;
        return loadcast.room_for_instance_once_held(o, m, w, s);
      end $$`)
    // Its statement has begun, and sees no claim; a process of the release before, which counts nothing, commits the twin.
    const second = create(capped, me)
    await until(async () => {
      const { rowCount } = await sql.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
      )
      return rowCount === 1
    })
    const first = expectOk(await create(old, me))
    await sql.query('delete from public.held')
    expect(expectOk(await second)).toMatchObject({ isNew: false, broadcast: { id: first.broadcast.id } })
    await sql.query(`
      drop function loadcast.room_for_instance;
      alter function loadcast.room_for_instance_once_held rename to room_for_instance`)
  })

  it('costs no round trip below the limit, and one above it', async () => {
    const product = open({ createsPerMinute: 1, createsPerDay: 9, cancelsPerHour: 9 })
    const me = customer('c-trips')
    await createAndCancel(product, customer('c-warm'))
    const within = await statementsOf(() => create(product, me))
    expect(within.statements.length).toBeLessThanOrEqual(3)
    expect(within.statements.filter(text => text.includes('room_for_instance'))).toHaveLength(1)
    expectOk(await cancel(product, me, expectOk(within.value).broadcast.id))
    const beyond = await statementsOf(() => create(product, me))
    expect(expectProblem(beyond.value)).toBe('RATE_LIMITED')
    expect(beyond.statements.filter(text => text.includes('room_for_instance'))).toHaveLength(2)
  })
})

describe('CREATES_PER_DAY and CANCELS_PER_HOUR', () => {
  it('R11.4 a day’s requests are counted, however they ended', async () => {
    const product = open({ createsPerDay: 3 })
    const me = customer('c-day')
    for (let i = 0; i < 3; i++) await createAndCancel(product, me)
    await age(me, 23 * 3_600_000)
    const { code, detail, retryAfterSeconds } = problemOf(await create(product, me))
    expect([code, detail]).toEqual(['RATE_LIMITED', 'At most 3 requests of a customer within 24 hours'])
    expect(retryAfterSeconds).toBeGreaterThan(3_500)
    expect(retryAfterSeconds).toBeLessThanOrEqual(3_600)
  })

  it('R11.4 only so many requests that are cancelled at once may wake transporters in an hour; a cancel is never refused', async () => {
    const product = open({ cancelsPerHour: 4 })
    const near = await registerTruck(product, 'woken', { place: PICKUP })
    const me = customer('c-loop')
    let refusals = 0
    for (let i = 0; i < 10; i++) {
      const answer = await create(product, me)
      if (answer.ok) expectOk(await cancel(product, me, answer.value.broadcast.id))
      else refusals++
    }
    await product.settled()
    const offers = await sql.query(
      `select from recipients r join loadcast.instances i on i.id = r.broadcast_id
       where r.transporter_id = $1 and i.owner = $2`,
      [near.caller.id, me.id],
    )
    expect([offers.rowCount, refusals]).toEqual([4, 6])
    const { detail } = problemOf(await create(product, me))
    expect(detail).toBe('At most 4 cancelled requests of a customer within an hour')
    await age(me, 3_600_000)
    expectOk(await create(product, me))
  })

  it('requests that were filled or expired do not count as cancelled', async () => {
    const product = open({ cancelsPerHour: 1 })
    const me = customer('c-filled')
    for (let i = 0; i < 3; i++) {
      const { id } = expectOk(await create(product, me)).broadcast
      expectOk(await accept(product, id, await registerTruck(product, `filled-${i}`)))
    }
    expect(await made(me)).toBe(3)
  })
})

describe('RELEASES_PER_REQUEST', () => {
  it('R11.4 a transporter that accepts and releases in a loop cannot accept this request again, but can accept others', async () => {
    const product = open({ releasesPerRequest: 2 })
    const [me, you] = [customer('c-released'), customer('c-next')]
    const truck = await registerTruck(product, 'loop')
    const { id } = expectOk(await create(product, me, 2)).broadcast
    const steps = async () => {
      const { assignment } = expectOk(await accept(product, id, truck))
      return product.dispatch.sendToTrip(truck.caller, assignment?.tripId ?? '', { type: 'release' })
    }
    for (let i = 0; i < 2; i++) expectOk(await steps())
    const { code, detail } = problemOf(await accept(product, id, truck))
    expect(code).toBe('EVENT_NOT_ALLOWED')
    expect(detail).toContain('2 trips of this request')
    const other = expectOk(await create(product, you)).broadcast
    expectOk(await accept(product, other.id, truck))
    expectOk(await accept(product, id, await registerTruck(product, 'loop-other')))
  })
})

describe('TRIPS_PER_DAY', () => {
  it('R11.4 bounds the trips of a transporter, however they ended, in the statement of the facts', async () => {
    const product = open({ tripsPerDay: 3 })
    const truck = await registerTruck(product, 'busy')
    const { dispatch } = product
    const step = (tripId: string, type: 'start' | 'complete' | 'release') =>
      dispatch.sendToTrip(truck.caller, tripId, { type })
    const offer = async (name: string) => expectOk(await create(product, customer(name), 9)).broadcast.id
    const ids = [await offer('c-trip-1'), await offer('c-trip-2')]
    const [first = '', second = ''] = ids
    for (const [id, types] of [
      [first, ['release']],
      [first, ['start', 'complete']],
      [second, ['release']],
    ] as const) {
      const { value, statements } = await statementsOf(() => accept(product, id, truck))
      expect(statements.length).toBeLessThanOrEqual(3)
      for (const type of types) expectOk(await step(expectOk(value).assignment?.tripId ?? '', type))
    }
    const { code, detail, retryAfterSeconds } = problemOf(await accept(product, second, truck))
    expect([code, detail]).toEqual(['RATE_LIMITED', 'At most 3 trips of a transporter within 24 hours'])
    expect(retryAfterSeconds).toBeGreaterThan(86_000)
    expectOk(await accept(product, second, await registerTruck(product, 'idle')))
    await sql.query(
      `update trips set assigned_at = assigned_at - interval '1 day' where transporter_id = $1`,
      [truck.caller.id],
    )
    expectOk(await accept(product, second, truck))
  })
})

describe('ADMIN_ACTIONS_PER_HOUR', () => {
  it('R11.4 bounds the recorded actions of an administrator, and refused ones are not done', async () => {
    const product = open({ adminActionsPerHour: 3 })
    const root = { id: 'root-capped', role: 'admin' } as const
    const { id } = expectOk(await create(product, customer('c-administered'))).broadcast
    const step = (caller: typeof root, on: string) =>
      product.dispatch.sendToInstance(caller, on, { event: { type: 'cancel' }, reason: 'asked by phone' })
    for (let n = 0; n < 3; n++) expect(expectProblem(await step(root, uuidv7()))).toBe('NOT_FOUND')
    const { code, detail, retryAfterSeconds } = problemOf(await step(root, id))
    expect([code, detail]).toEqual(['RATE_LIMITED', 'At most 3 actions of an administrator within an hour'])
    expect(retryAfterSeconds).toBeGreaterThan(3_500)
    expect((await product.engine.get(id))?.status).toBe('searching')
    const done = await sql.query("select from admin_actions where admin_id = 'root-capped'")
    expect(done.rowCount).toBe(3)
    await sql.query(
      `update admin_actions set begun_at = begun_at - interval '1 hour' where admin_id = 'root-capped'`,
    )
    expectOk(await step(root, id))
  })
})
