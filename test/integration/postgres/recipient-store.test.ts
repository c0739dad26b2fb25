import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { OfferEntry } from '../../../src/dispatch/ports.js'
import { until } from '../../support/engine/engine.js'
import { customer, transporter } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { asking } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let id: string
let round = 0

const LIMIT = { changes: 100, windowMs: 1_000 }

const product = await useDispatch()

beforeAll(async () => {
  for (const name of ['t1', 't2', 't3', 'off', 'inactive']) {
    await product.dispatch.isActive(transporter(name))
    await product.fleet.setTransporterAvailable(name, name !== 'off', LIMIT)
  }
  await product.fleet.setPersonActive(transporter('inactive'), false)
})
beforeEach(async () => {
  round++
  id = expectOk(await product.dispatch.createBroadcast(customer(`c${round}`), asking())).broadcast.id
})

const entry = (transporterId: string, more: Partial<OfferEntry> = {}): OfferEntry => ({
  broadcastId: id,
  transporterId,
  step: '1',
  ...more,
})
const offer = (...entries: OfferEntry[]) => product.recipients.offer(entries)
const rows = async () =>
  (
    await product.sql.query(
      `select transporter_id as who, step, distance_km as km, offered_at is not null as offered, reason
       from recipients where broadcast_id = $1 order by transporter_id`,
      [id],
    )
  ).rows

describe('an offer', () => {
  it('is new once, and the number of notified transporters includes all so far', async () => {
    expect(await offer(entry('t1', { distanceKm: 4.5 }))).toEqual([
      { broadcastId: id, transporterId: 't1', distanceKm: 4.5, isNew: true, notified: 1 },
    ])
    const second = await offer(
      entry('t1', { step: '2' }),
      entry('t2', { step: '2' }),
      entry('t3', { step: '2' }),
    )
    expect(second.map(o => [o.transporterId, o.isNew, o.notified]).sort()).toEqual([
      ['t2', true, 3],
      ['t3', true, 3],
    ])
    expect((await product.recipients.offered(id)).toSorted()).toEqual(['t1', 't2', 't3'])
    expect((await product.recipients.offered(id, '2')).toSorted()).toEqual(['t2', 't3'])
    expect((await rows())[0]).toEqual({ who: 't1', step: '1', km: 4.5, offered: true, reason: null })
  })

  it('made again at the same step is not new, so that another process can emit it if the first died', async () => {
    await offer(entry('t1', { distanceKm: 4.5 }))
    expect(await offer(entry('t1', { distanceKm: 9 }))).toEqual([
      { broadcastId: id, transporterId: 't1', distanceKm: 4.5, isNew: false, notified: 1 },
    ])
  })

  it('skips transporters that are passed over, not available or turned off, and does not block a later offer', async () => {
    const passedOver = entry('t1', { reason: 'transporter_not_present', distanceKm: 3 })
    expect(await offer(passedOver, entry('off'), entry('inactive'))).toEqual([])
    expect((await rows()).map(row => [row.who, row.offered, row.reason])).toEqual([
      ['inactive', false, 'user_inactive'],
      ['off', false, 'not_available'],
      ['t1', false, 'transporter_not_present'],
    ])
    await offer(entry('t1', { step: '2', distanceKm: 2 }))
    expect((await rows())[2]).toEqual({ who: 't1', step: '2', km: 2, offered: true, reason: null })
    await offer({ ...passedOver, step: '3' })
    expect((await rows())[2]).toMatchObject({ step: '2', offered: true })
  })

  it('made many times at once is new to each transporter once', async () => {
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        offer(
          ...(i % 2 === 0 ? ['t1', 't2', 't3'] : ['t3', 't2', 't1']).map(t => entry(t, { step: `${i}` })),
        ),
      ),
    )
    const fresh = many.flat().filter(o => o.isNew)
    expect(fresh.map(o => o.transporterId).sort()).toEqual(['t1', 't2', 't3'])
  })

  it('of several requests goes out in one statement, each with its own count', async () => {
    const other = expectOk(await product.dispatch.createBroadcast(customer(`o${round}`), asking())).broadcast
      .id
    await offer(entry('t2'))
    const offered = await offer(entry('t1'), { ...entry('t1'), broadcastId: other })
    expect(new Map(offered.map(o => [o.broadcastId, o.notified]))).toEqual(
      new Map([
        [id, 2],
        [other, 1],
      ]),
    )
  })

  it('of an unknown request, or without transporters, does nothing', async () => {
    expect(await offer()).toEqual([])
    expect(await offer({ ...entry('t1'), broadcastId: uuidv7() })).toEqual([])
  })

  it('waits for an ending in progress, and is then not made', async () => {
    const client = await product.sql.connect()
    try {
      await client.query('begin')
      await client.query("update instances set status = 'cancelled', version = version + 1 where id = $1", [
        id,
      ])
      let isAnswered = false
      const offering = offer(entry('t1')).finally(() => {
        isAnswered = true
      })
      await waitingForLock()
      expect(isAnswered).toBe(false)
      await client.query('commit')
      expect(await offering).toEqual([])
      expect(await rows()).toEqual([])
    } finally {
      client.release()
    }
  })

  it('R4.3 in progress makes an ending wait, so that its announcement includes the offered transporters', async () => {
    const client = await product.sql.connect()
    try {
      await client.query('begin')
      // Another's unfinished row of the same key stops the offer after it has locked the request.
      await client.query("insert into recipients values ($1, 't1', '0', null, null, 'held')", [id])
      const offering = offer(entry('t1'))
      await waitingForLock()
      let isEnded = false
      const ending = product.sql
        .query("update instances set status = 'cancelled' where id = $1", [id])
        .finally(() => {
          isEnded = true
        })
      await waitingForLock(2)
      expect(isEnded).toBe(false)
      await client.query('rollback')
      expect(await offering).toEqual([expect.objectContaining({ transporterId: 't1', isNew: true })])
      await ending
    } finally {
      client.release()
    }
  })
})

/** Resolves when so many statements of this database wait for a lock. */
const waitingForLock = (count = 1) =>
  until(async () => {
    const { rows: waiting } = await product.sql.query(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    return waiting.length >= count
  })

describe('a decline', () => {
  const decline = (transporterId: string) => product.recipients.decline(id, transporterId, 'Too far')

  it('is new once, counts only where an offer was made, and exhausts when it is the last', async () => {
    await offer(entry('t1'), entry('t2'), entry('off'))
    const haveAll = () => product.recipients.haveAllDeclined(id)
    expect(await decline('t3')).toBe(false)
    expect(await decline('off')).toBe(false)
    expect(await decline('t1')).toBe(true)
    expect(await decline('t1')).toBe(false)
    expect(await haveAll()).toBe(false)
    expect(await decline('t2')).toBe(true)
    expect(await decline('t2')).toBe(false)
    expect(await haveAll()).toBe(true)
    const { rows: reasons } = await product.sql.query(
      'select distinct decline_reason from recipients where broadcast_id = $1 and declined_at is not null',
      [id],
    )
    expect(reasons).toEqual([{ decline_reason: 'Too far' }])
  })
})
