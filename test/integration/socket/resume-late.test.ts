/*
 * Events that are sent long after they were recorded, because a process died, the database was unavailable, a dead letter
 * was redriven or Redis was lost. By then their trip may have ended minutes or weeks ago. Every reader that was away gets
 * them when it resumes, over HTTP and on its socket, and no other reader does.
 */
import { afterEach, describe, expect, it } from '@jest/globals'
import { createReadStore } from '../../../src/adapters/postgres/product/read-store.js'
import { until } from '../../support/engine/engine.js'
import { type Client as Caller, createClient, type Listener, listen } from '../../support/server/clients.js'
import { idsFor } from '../../support/server/event-log.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import type { TestApp } from '../../support/server/server.js'
import { useTestApp } from '../../support/server/use-test-app.js'

let failing = false
const open: Listener[] = []
const faults = (point: string) => {
  if (failing && point === 'delivery.before') throw new Error('as if this process had died here')
}
const home = await useTestApp({ faults })
const other = await home.beside({ faults })

afterEach(() => {
  failing = false
  for (const listener of open.splice(0)) listener.close()
})

const outbox = () => home.query('select from outbox')
const delivered = () => until(async () => (await outbox()).length === 0, 20_000)
const takeOver = async () => {
  await home.query('update outbox set due_at = now()')
  await delivered()
}

/** Moves the request's history this many seconds into the past. */
async function age(id: string, seconds: number): Promise<void> {
  for (const assignment of [
    'events set recorded_at = recorded_at - $2, late_at = late_at - $2, at = at - $2 where instance = $1',
    'trips set ended_at = ended_at - $2, assigned_at = assigned_at - $2 where instance = $1',
    'recipients set offered_at = offered_at - $2 where broadcast_id = $1',
    'instances set updated_at = updated_at - $2 where id = $1',
  ]) {
    const text = assignment.replaceAll('$2', `$2 * interval '1 second'`)
    await home.query(`update ${text}`, [id, seconds])
  }
}

/** The resume point of a reader that has seen everything up to now. */
const pointOf = async (caller: Caller): Promise<string> => (await caller.get('/api/v1/sync')).body.next

async function resumed(caller: Caller, after: string): Promise<readonly string[]> {
  const { body } = await caller.get(`/api/v1/sync?after=${encodeURIComponent(after)}`)
  expect(body.resync).toBeUndefined()
  return body.events.map((event: { id: string }) => event.id)
}

async function resumedOnSocket(app: TestApp, caller: Caller, after: string): Promise<readonly string[]> {
  const listener = await listen(app.url, caller.token, after)
  open.push(listener)
  await listener.send('unwatch', { broadcastId: '01890a5d-ac96-774b-bcce-b302099a8057' })
  return listener.events.flatMap(event => event.id ?? [])
}

interface Ended {
  readonly request: string
  readonly customer: Caller
  /** Accepted without having been offered it: there is no recipients row. */
  readonly accepting: Caller
  readonly driver: Caller
  /** Was offered it and has no trip of it. */
  readonly offered: Caller
  readonly stranger: Caller
}

/** A request that was accepted and then cancelled; no event of the cancel has been sent. */
async function cancelledUntold(name: string): Promise<Ended> {
  const vehicleType = `type_${name}`
  const [outrun, told, stranger] = await Promise.all([
    registerTruck(home.url, `${name}-outrun`, { vehicleType }),
    registerTruck(home.url, `${name}-told`, { vehicleType, isReady: true }),
    registerTruck(home.url, `${name}-stranger`),
  ])
  const customer = await createClient(home.url, 'customer', `c-${name}`)
  const { body } = await customer.post('/api/v1/broadcasts', asking(2, vehicleType))
  const request: string = body.id
  await delivered()
  const accepted = await outrun.transporter.post(`/api/v1/broadcast/${request}/accept`, acceptBody(outrun))
  expect(accepted.status).toBe(200)
  await delivered()
  failing = true
  expect((await customer.put(`/api/v1/booking/${request}/cancel`, {})).status).toBe(200)
  await until(async () => (await home.query('select from outbox where attempts > 0')).length > 0)
  await home.query("update outbox set due_at = now() + interval '1 hour'")
  failing = false
  const offers = await home.query<{ id: string }>(
    'select transporter_id as id from recipients where broadcast_id = $1 and offered_at is not null',
    [request],
  )
  expect(offers.map(({ id }) => id)).toEqual([told.transporter.id])
  return {
    request,
    customer,
    accepting: outrun.transporter,
    driver: outrun.driver,
    offered: told.transporter,
    stranger: stranger.transporter,
  }
}

/** The ways in which the unsent events are finally sent. */
const ways: Readonly<Record<string, (ended: Ended) => Promise<void>>> = {
  'a sweeper took over from a dead process': takeOver,
  async 'a process died after it had marked them late'({ request }) {
    failing = true
    const [before] = await home.query<{ n: number }>('select max(attempts) as n from outbox')
    await home.query('update outbox set due_at = now()')
    await until(
      async () => (await home.query('select from outbox where attempts > $1', [before?.n])).length > 0,
    )
    await home.query("update outbox set due_at = now() + interval '1 hour'")
    failing = false
    await age(request, 60)
    await takeOver()
  },
  async 'a dead letter was redriven'({ request }) {
    await home.query(
      `with dead as (delete from outbox where instance = $1 returning *)
       insert into dead_letters (instance, version, index, subscriber, attempts, error)
       select instance, version, index, subscriber, 10, 'it failed' from dead`,
      [request],
    )
    const admin = await createClient(other.url, 'admin', 'root')
    const letters = await home.query<{ id: number }>('select id::int from dead_letters')
    expect(letters.length).toBeGreaterThan(0)
    for (const { id } of letters) {
      expect((await admin.post(`/api/v1/admin/dead-letters/${id}/redrive`, {})).status).toBeLessThan(300)
    }
    await takeOver()
  },
  async 'messages between processes were lost'({ request }) {
    await home.query('delete from outbox where instance = $1', [request])
    const all = Date.now() - 60 * 24 * 3_600_000
    await createReadStore(home.sql).markLate(all, 100_000)
  },
}

const MINUTES_5 = 300
const DAYS_40 = 40 * 24 * 3_600

describe('R7.3 late events', () => {
  it.each(
    Object.entries(ways).flatMap(([way, tell], n) => [
      { way, tell, seconds: MINUTES_5, name: `m${n}` },
      { way, tell, seconds: DAYS_40, name: `d${n}` },
    ]),
  )('R7.3 after $seconds s, as $way, reach everyone they are addressed to', async ({ tell, ...kind }) => {
    const ended = await cancelledUntold(kind.name)
    const { request, customer, accepting, driver, offered, stranger } = ended
    await age(request, kind.seconds)
    const readers = [customer, accepting, driver, offered, stranger]
    const points = await Promise.all(readers.map(pointOf))
    // Events that were marked late so far are before those points.
    await age(request, 60)
    for (const [n, reader] of readers.entries()) {
      const ids = await resumed(reader, points[n] ?? '')
      expect(ids.filter(id => id.startsWith(request))).toEqual([])
    }
    await tell(ended)
    for (const [n, reader] of readers.entries()) {
      const expected = (await idsFor(reader, home)).filter(id => id.startsWith(`${request}:3:`))
      expect(expected.length > 0).toBe(reader !== stranger)
      const after = points[n] ?? ''
      const ofRequest = (ids: readonly string[]) => ids.filter(id => id.startsWith(`${request}:3:`)).sort()
      expect([reader.id, ofRequest(await resumed(reader, after))]).toEqual([reader.id, expected])
      expect([reader.id, ofRequest(await resumedOnSocket(other, reader, after))]).toEqual([
        reader.id,
        expected,
      ])
    }
    for (const reader of [customer, accepting, driver, offered]) {
      const listener = await listen(other.url, reader.token)
      open.push(listener)
      expect(await listener.send('watch', { broadcastId: request, after: points[0] })).toMatchObject({
        ok: true,
      })
      const told = listener.events.filter(({ id }) => id?.startsWith(`${request}:3:`))
      expect(told.map(({ type }) => type).sort()).toEqual(
        reader === customer ? ['booking_updated'] : ['booking_expired', 'booking_updated'],
      )
    }
  })

  it('R7.3 of a very slow commit reach every client too', async () => {
    const { request, driver } = await cancelledUntold('slow')
    await age(request, 30)
    // The trip's end was stamped long before its event was recorded: the process was paused in between.
    await home.query("update trips set ended_at = ended_at - interval '10 minutes' where instance = $1", [
      request,
    ])
    const after = `at:${(Date.now() - 60_000) * 1000}`
    await takeOver()
    const ids = await resumed(driver, after)
    expect(ids.filter(id => id.startsWith(`${request}:3:`))).toEqual(
      (await idsFor(driver, home)).filter(id => id.startsWith(`${request}:3:`)),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })
})
