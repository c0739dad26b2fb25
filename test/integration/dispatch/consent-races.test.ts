/*
 * Invitations, agreements and leaves of the same few people, at once on two processes, with a process that dies in the
 * middle. Each driver is in at most one fleet, is not invited into its own fleet, and no fleet is larger than allowed.
 */
import { beforeEach, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { takeTurnSql } from '../../../src/adapters/postgres/product/fleet/turn.js'
import type { Caller } from '../../../src/dispatch/person.js'
import { until } from '../../support/engine/engine.js'
import { scaled } from '../../support/engine/pace.js'
import { driver, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { hire } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

const MAX_FLEET = 10
const ROUNDS = 30

const product = await useDispatch({ maxFleet: MAX_FLEET })
const processes = [product, product.beside({ maxFleet: MAX_FLEET })] as const
let owner: Caller
let other: Caller
let round = 0

beforeEach(async () => {
  round++
  owner = transporter(`t-${round}`)
  other = transporter(`o-${round}`)
  for (const caller of [owner, other]) await processes[0].dispatch.isActive(caller)
})

const me = () => driver(`d-${round}`)
const on = (n: number) => (processes[n % 2] ?? processes[0]).dispatch
const invite = (n: number, by: Caller, id = me().id) => on(n).putDriver(by, id, { name: 'Asha' })
const agree = (n: number, to: Caller) => on(n).joinFleet(me(), { transporterId: to.id })
const sql = <T extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
  processes[0].sql.query<T>(text, values).then(({ rows }) => rows)

/** The driver's fleet, as every table shows it. They must agree. */
async function fleetOfDriver(): Promise<string | null> {
  const { transporterId, invitations } = expectOk(await on(0).getDriverFleet(me()))
  for (const caller of [owner, other]) {
    const found = await on(1).getDriver(caller, me().id)
    const isInvited = invitations.some(invitation => invitation.transporterId === caller.id)
    expect(isInvited && transporterId === caller.id).toBe(false)
    const expected = transporterId === caller.id ? true : isInvited ? false : undefined
    expect(found.ok ? found.value.confirmed : undefined).toBe(expected)
    const listed = expectOk(await on(0).listDrivers(caller, { limit: 20 })).items.filter(
      item => item.id === me().id,
    )
    expect(listed.map(item => item.confirmed)).toEqual(expected === undefined ? [] : [expected])
  }
  return transporterId
}

describe('two processes', () => {
  it('R11.3 an agreement and the withdrawal of its invitation: the driver is in the fleet or not', async () => {
    for (let i = 0; i < ROUNDS; i++) {
      expectOk(await invite(0, owner))
      const [agreed, removed] = await Promise.all([agree(i, owner), on(i + 1).deleteDriver(owner, me().id)])
      // Withdrawn first, there is nothing to agree to; agreed first, the driver is taken out again.
      expectOk(removed)
      if (!agreed.ok) expect(agreed.problem.code).toBe('NOT_FOUND')
      expect(await fleetOfDriver()).toBeNull()
    }
  })

  it('R11.3 an agreement and a repeat of the invitation: no second one is left', async () => {
    for (let i = 0; i < ROUNDS; i++) {
      expectOk(await invite(0, owner))
      const answers = await Promise.all([
        agree(i, owner),
        invite(i + 1, owner),
        agree(i + 1, owner),
        invite(i, owner),
      ])
      for (const answer of answers) expectOk<unknown>(answer as never)
      expect(await fleetOfDriver()).toBe(owner.id)
      expectOk(await on(i).leaveFleet(me()))
    }
  })

  it('R11.3 agreements to two transporters and a leave: one fleet at most', async () => {
    const seen = new Set<string | null>()
    for (let i = 0; i < ROUNDS; i++) {
      for (const caller of [owner, other]) expectOk(await invite(i, caller))
      await Promise.all([
        agree(i, owner),
        agree(i + 1, other),
        ...(i % 3 === 0 ? [on(i).leaveFleet(me())] : []),
      ])
      seen.add(await fleetOfDriver())
      expectOk(await on(i).leaveFleet(me()))
      for (const caller of [owner, other]) await on(i).deleteDriver(caller, me().id)
    }
    expect([...seen].filter(id => id !== null).length).toBeGreaterThan(0)
  })

  it('R11.4 a fleet that both fill has exactly the allowed size', async () => {
    const ids = Array.from({ length: 3 * MAX_FLEET }, (_, i) => `${me().id}-${i}`)
    const invited = await Promise.all(ids.map((id, i) => invite(i, owner, id)))
    const refused = invited.filter(answer => !answer.ok)
    expect(refused).toHaveLength(2 * MAX_FLEET)
    expect(new Set(refused.map(expectProblem))).toEqual(new Set(['RATE_LIMITED']))
    expect(expectOk(await on(0).listDrivers(owner, { limit: 100 })).items).toHaveLength(MAX_FLEET)
    const put = (n: number) => on(n).putVehicle(owner, `v-${round}-${n}`, { vehicleType: 'a', number: '1' })
    const added = await Promise.all(ids.map((_, i) => put(i)))
    expect(added.filter(answer => answer.ok)).toHaveLength(MAX_FLEET)
    expect(expectOk(await on(0).listVehicles(owner, { limit: 100 })).items).toHaveLength(MAX_FLEET)
  })

  it('R11.4 a fleet over the limit can be changed, and does not grow', async () => {
    await sql(
      `insert into drivers (id, transporter_id, name, confirmed_at)
       select 'many-' || $1 || '-' || n, $1, 'Asha', now() from generate_series(1, $2::int) n`,
      [owner.id, MAX_FLEET + 5],
    )
    expect(expectOk(await on(0).putDriver(owner, `many-${owner.id}-1`, { name: 'New' }))).toMatchObject({
      name: 'New',
    })
    expectOk(await on(0).deleteDriver(owner, `many-${owner.id}-2`))
    expect(expectProblem(await invite(0, owner))).toBe('RATE_LIMITED')
    // One that was invited before the fleet was full may still agree: it counts already.
    await sql("insert into driver_invitations (driver_id, transporter_id, name) values ($1, $2, 'Asha')", [
      me().id,
      owner.id,
    ])
    expectOk(await agree(0, owner))
    expect(await fleetOfDriver()).toBe(owner.id)
  })
})

describe('a process that dies or is paused', () => {
  it('R11.3 during an agreement changes nothing', async () => {
    for (const caller of [other, owner]) expectOk(await invite(0, caller))
    expectOk(await agree(0, other))
    // The driver's row is held, so that the agreement stops half-way.
    const holder = new pg.Client({ connectionString: product.connectionString })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select from drivers where id = $1 for update', [me().id])
    const agreed = agree(1, owner)
    const waiting = () =>
      sql<{ pid: number }>(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
    await until(async () => (await waiting()).length > 0)
    for (const { pid } of await waiting()) await sql('select pg_terminate_backend($1)', [pid])
    expect(expectProblem(await agreed)).toBe('UNAVAILABLE')
    await holder.end()
    expect(await fleetOfDriver()).toBe(other.id)
    expectOk(await agree(1, owner))
    expect(await fleetOfDriver()).toBe(owner.id)
  })

  it('R11.3 R11.4 during its turn at a fleet: others wait only for a bounded time, and other fleets not at all', async () => {
    const paused = new pg.Client({ connectionString: product.connectionString })
    await paused.connect()
    paused.on('error', () => {}) // the server ends it
    await hire(processes[0], owner, me().id)
    // As the product takes its turn, and then says nothing more.
    await paused.query(takeTurnSql(owner.id))
    const begunAt = performance.now()
    const many = Array.from({ length: 30 }, (_, i) => invite(0, owner, `${me().id}-w${i % 5}`))
    expectOk(await invite(0, other, `${me().id}-elsewhere`))
    expectOk(await on(0).getDriver(owner, me().id))
    expect(performance.now() - begunAt).toBeLessThan(scaled(1_000))
    for (const answer of await Promise.all(many)) expectOk(answer)
    await paused.end().catch(() => {})
  })
})
