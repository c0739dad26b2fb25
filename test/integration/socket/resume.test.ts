import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { until } from '../../support/engine/engine.js'
import { type Client as Caller, createClient, type Listener, listen } from '../../support/server/clients.js'
import { idsFor } from '../../support/server/event-log.js'
import { acceptBody, asking, hire, registerTruck, type Truck } from '../../support/server/fleet.js'
import type { TestApp } from '../../support/server/server.js'
import { useTestApp } from '../../support/server/use-test-app.js'

/*
 * What a socket is sent that comes back, by a client that does no more than the contract asks: it names the last id it
 * has seen. Two servers on one database; what one delivers, the sockets of the other do not hear, as if they were away.
 */

let truck: Truck
let failing = false
const open: Listener[] = []
const faults = (point: string) => {
  if (failing && point === 'delivery.before') throw new Error('as if this process had died here')
}
const home = await useTestApp({ faults })
const other = await home.beside({ faults })

beforeAll(async () => {
  truck = await registerTruck(home.url, 'resume')
  // A commit of a request that is held stays open, its events recorded and not visible.
  await home.query('create table held (instance uuid primary key)')
  await home.query(`
    create function hold() returns trigger language plpgsql as $$
    begin
      while exists (select from held where instance = new.instance) loop perform pg_sleep(0.01); end loop;
      return null;
    end $$`)
  await home.query('create trigger hold after insert on events for each row execute function hold()')
})
beforeEach(() => {
  failing = false
})
afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
})

async function connect(app: TestApp, caller: Caller, after?: string): Promise<Listener> {
  const listener = await listen(app.url, caller.token, after)
  open.push(listener)
  return listener
}
const ids = (listener: Listener) => listener.events.map(event => event.id ?? event.type)
/** Everything sent before this has come when it is answered. */
const settled = (listener: Listener) =>
  listener.send('unwatch', { broadcastId: '01890a5d-ac96-774b-bcce-b302099a8057' })
const cancel = (caller: Caller, id: string) => caller.put(`/api/v1/booking/${id}/cancel`, {})
const delivered = () => until(async () => (await home.query('select from outbox')).length === 0, 20_000)
/** As if all that has happened had happened so long ago. */
const passTime = async (seconds: number) => {
  const shift = `- interval '${seconds} seconds'`
  await home.query(`update events set recorded_at = recorded_at ${shift}, late_at = late_at ${shift}`)
  await home.query(`update recipients set offered_at = offered_at ${shift}`)
}

/** Another driver and vehicle of the transporter's. */
async function addTruck(transporter: Caller, name: string) {
  const [driverId, vehicleId] = [`d-${name}`, `v-${name}`]
  await hire(transporter, await createClient(home.url, 'driver', driverId), { name: 'Ravi' })
  await transporter.put(`/api/v1/transporter/vehicles/${vehicleId}`, { vehicleType: '14ft', number: 'DL 2' })
  return { driverId, vehicleId }
}

/** A customer that has heard of a first request of its own and gone away; answers the last id it saw. */
async function gone(
  name: string,
): Promise<{ caller: Caller; request: string; seen: string; before: string[] }> {
  const caller = await createClient(home.url, 'customer', name)
  const listener = await connect(home, caller)
  const { body } = await caller.post('/api/v1/broadcasts', asking(2))
  const { id: seen = '' } = await listener.next('booking_updated')
  listener.close()
  return { caller, request: body.id, seen, before: ids(listener) }
}

describe('R7.3 a socket that comes back', () => {
  it('R7.3 gets the events it missed, on whichever process, in the order in which they happened', async () => {
    const { caller, request, seen, before } = await gone('back')
    await truck.transporter.post(`/api/v1/broadcast/${request}/accept`, acceptBody(truck))
    await cancel(caller, request)
    await delivered()
    await passTime(60)
    for (const app of [other, home]) {
      const back = await connect(app, caller, seen)
      await settled(back)
      expect([...new Set([...before, ...ids(back)])].sort()).toEqual(
        await idsFor({ role: 'customer', id: 'back' }, home),
      )
      const versions = back.events.map(event => event.version ?? 0)
      expect(versions).toEqual(versions.toSorted((a, b) => a - b))
      // From the middle it is the rest.
      const rest = await connect(app, caller, back.events[2]?.id)
      await settled(rest)
      expect(ids(rest)).toEqual(expect.arrayContaining(ids(back).slice(3)))
    }
  })

  it('R7.3 misses no event that becomes visible after a later one that it saw', async () => {
    const { transporter } = truck
    const second = await addTruck(transporter, 'second')
    const [slow, quick] = [await gone('slow'), await gone('quick')]
    await transporter.post(`/api/v1/broadcast/${slow.request}/accept`, acceptBody(truck))
    await transporter.post(`/api/v1/broadcast/${quick.request}/accept`, second)
    await delivered()
    await passTime(60)
    // The first cancel is recorded and stays open: nobody can see it, while everybody sees the second.
    await home.query('insert into held values ($1)', [slow.request])
    const cancelled = cancel(slow.caller, slow.request)
    const holding =
      "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    await until(async () => (await home.query(holding)).length > 0)
    const listener = await connect(home, transporter)
    await settled(listener)
    await cancel(quick.caller, quick.request)
    const { id: seen = '' } = await listener.next('trip_cancelled')
    listener.close()
    expect(listener.events.map(event => event.broadcastId)).not.toContain(slow.request)
    await home.query('delete from held')
    expect((await cancelled).status).toBe(200)
    await delivered()
    const [order] = await home.query<{ isReversed: boolean }>(
      `select (select max(recorded_at) from events where instance = $1)
            < (select max(recorded_at) from events where instance = $2) as "isReversed"`,
      [slow.request, quick.request],
    )
    expect(order?.isReversed).toBe(true)
    const back = await connect(home, transporter, seen)
    await settled(back)
    expect(ids(back)).toEqual(
      expect.arrayContaining(
        (await idsFor(transporter, home)).filter(id => id.startsWith(`${slow.request}:3`)),
      ),
    )
  })

  it('R7.3 misses no event that a sweeper delivered much later, whatever it received before', async () => {
    const { caller, request } = await gone('late')
    await delivered()
    failing = true
    await cancel(caller, request)
    // It committed, and died. Later the customer asks again, hears of that, and goes away.
    await until(async () => (await home.query('select from outbox where attempts > 0')).length > 0)
    await passTime(60)
    failing = false
    const listener = await connect(home, caller)
    await home.query("update outbox set due_at = now() + interval '1 hour'")
    const { body } = await caller.post('/api/v1/broadcasts', { ...asking(1), notes: 'again' })
    const { id: seen = '' } = await listener.next('booking_updated', event => event.broadcastId === body.id)
    listener.close()
    await passTime(30)
    expect(
      (await idsFor({ role: 'customer', id: 'late' }, home)).filter(id => id.startsWith(`${request}:2`)),
    ).toHaveLength(1)
    // The lease runs out, and whoever is up delivers it: to nobody, as its customer is not there.
    await home.query('update outbox set due_at = now()')
    await delivered()
    const back = await connect(other, caller, seen)
    await settled(back)
    expect(ids(back).filter(id => id.startsWith(`${request}:2`))).toHaveLength(1)
  })

  it('R7.3 gets no live events before the missed ones, so any id that it received is a valid point to resume from', async () => {
    const { caller, request, seen, before } = await gone('overtaken')
    await cancel(caller, request)
    await delivered()
    await passTime(60)
    // The resume is held up, and meanwhile something happens on the process that the socket is at.
    const client = new pg.Client({ connectionString: home.database.connectionString })
    await client.connect()
    await client.query('begin')
    await client.query('lock table event_retention in access exclusive mode')
    const back = await connect(home, caller, seen)
    const waiting =
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    await until(async () => (await home.query(waiting)).length > 0)
    const { body } = await caller.post('/api/v1/broadcasts', asking(1))
    await delivered()
    expect(ids(back)).toEqual([])
    await client.query('rollback')
    await client.end()
    await settled(back)
    expect(back.events.map(event => event.broadcastId).at(-1)).toBe(body.id)
    expect(back.events.map(event => event.broadcastId).at(0)).toBe(request)
    expect([...new Set([...before, ...ids(back)])].sort()).toEqual(
      await idsFor({ role: 'customer', id: 'overtaken' }, home),
    )
    expect(new Set(ids(back)).size).toBe(back.events.length)
  })

  it('R7.3 whose missed events cannot be read is disconnected, to retry, and gets no events until then', async () => {
    const { caller, request, seen } = await gone('unsure')
    await home.query('alter table event_retention rename to nowhere')
    const back = await connect(home, caller, seen).catch(() => undefined)
    const ended = back && new Promise(resolve => back.socket.once('disconnect', resolve))
    expect(await ended).toBe('transport close')
    await home.query('alter table nowhere rename to event_retention')
    await cancel(caller, request)
    await delivered()
    expect(back?.events).toEqual([])
  })

  it.each([[42], [{}], ['x'.repeat(500)], ['']])('R7.3 with %j as its point gets a resync', async point => {
    const { caller, request } = await gone(`bad-${JSON.stringify(point).length}`)
    const back = await listen(home.url, caller.token, point as string)
    open.push(back)
    const told = await back.next('resync')
    expect(told.data).toMatchObject({ broadcasts: [{ id: request }], next: expect.any(String) })
    expect(told).not.toHaveProperty('id')
    await cancel(caller, request)
    await back.next('booking_updated', event => event.data.status === 'cancelled')
  })
})

describe('R7.3 GET /api/v1/sync', () => {
  it('R7.3 answers the same over HTTP, with the point to continue from', async () => {
    const { caller, request, seen } = await gone('http')
    await cancel(caller, request)
    const { status, body } = await caller.get(`/api/v1/sync?after=${encodeURIComponent(seen)}`)
    expect([status, Object.keys(body).sort()]).toEqual([200, ['events', 'hasMore', 'next']])
    expect(body.events.map((event: { id: string }) => event.id).sort()).toEqual(
      await idsFor({ role: 'customer', id: 'http' }, home),
    )
    await passTime(60)
    const next = await caller.get(`/api/v1/sync?after=${encodeURIComponent(body.next)}`)
    expect(next.body).toMatchObject({ events: [], hasMore: false })
    const fresh = await caller.get('/api/v1/sync')
    expect(fresh.body).toMatchObject({ events: [], hasMore: false })
    expect((await caller.get('/api/v1/sync?after=nonsense')).body).toMatchObject({ resync: true })
    expect((await caller.get('/api/v1/sync?before=1')).status).toBe(400)
  })

  it('R7.3 comes in pages if much was missed, none of it twice, and to sockets completely', async () => {
    const { caller, request, seen } = await gone('pages')
    await passTime(60)
    await home.query(
      `insert into events (instance, version, index, type, payload_json, audience, at, recorded_at)
       select instance, 1000 + n, index, type, payload_json, audience, at, clock_timestamp() - interval '30 seconds'
       from events, generate_series(1, 450) n where instance = $1 and type = 'broadcast.created'`,
      [request],
    )
    const expected = await idsFor({ role: 'customer', id: 'pages' }, home)
    const got: string[] = []
    let pages = 0
    for (let after = seen, hasMore = true; hasMore; pages++) {
      const { body } = await caller.get(`/api/v1/sync?after=${encodeURIComponent(after)}`)
      got.push(...body.events.map((event: { id: string }) => event.id))
      after = body.next
      hasMore = body.hasMore
    }
    expect(pages).toBe(3)
    expect(got.toSorted()).toEqual(expected)
    const back = await connect(other, caller, seen)
    await settled(back)
    expect(ids(back).toSorted()).toEqual(expected)
  })
})
