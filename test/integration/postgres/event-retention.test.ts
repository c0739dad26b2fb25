import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { createResumeStore } from '../../../src/adapters/postgres/product/resume-store.js'
import type { ResumeStore } from '../../../src/dispatch/ports.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'
import { callerOf, newDoor } from '../../support/machines/doors.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const { connectionString, sql, closing } = await useDatabase({ connections: 6 })
const opened = closing(openEngine(connectionString, { subscribers: [recordingSubscriber()] }))
let store: ResumeStore

beforeAll(async () => {
  store = createResumeStore(sql)
})
beforeEach(async () => {
  await sql.query(
    'truncate instances, journal, events, outbox, timers, claims, dead_letters, event_retention',
  )
})

/** Doors that were opened, all of it delivered, so many hours ago. */
async function doors(count: number, hoursAgo: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const id = await newDoor(opened.engine)
    await callerOf(opened.engine).open(id)
    ids.push(id)
  }
  await until(async () => (await sql.query('select from outbox')).rowCount === 0)
  await age(ids, hoursAgo)
  return ids
}
/** As if they had lived so long ago: everything but their timers, which a door has only while it is open. */
async function age(ids: readonly string[], hours: number): Promise<void> {
  const ago = `- interval '${hours} hours'`
  await sql.query(
    `update events set recorded_at = recorded_at ${ago}, at = at ${ago}, late_at = late_at ${ago}
     where instance = any($1)`,
    [ids],
  )
}
const eventsOf = async (ids: readonly string[]) =>
  (await sql.query('select from events where instance = any($1)', [ids])).rowCount ?? 0
const sweptBefore = async () => (await store.moment(undefined, undefined)).sweptBefore

describe('old events', () => {
  it('are deleted oldest first, in batches; younger ones stay', async () => {
    const [old, older, young] = [await doors(2, 30), await doors(2, 40), await doors(2, 20)]
    const each = (await eventsOf(old)) / 2
    expect(each).toBeGreaterThan(0)
    expect(await store.sweep(DAY_MS, 2 * each)).toBe(2 * each)
    expect([await eventsOf(older), await eventsOf(old)]).toEqual([0, 2 * each])
    expect(await store.sweep(DAY_MS, 1_000)).toBe(2 * each)
    expect(await store.sweep(DAY_MS, 1_000)).toBe(0)
    expect([await eventsOf(old), await eventsOf(young)]).toEqual([0, 2 * each])
  })

  it('record up to when events were deleted, which never goes back', async () => {
    expect(await sweptBefore()).toBeNull()
    expect(await store.sweep(DAY_MS, 10)).toBe(0)
    expect(await sweptBefore()).toBeNull()
    await doors(1, 30)
    await store.sweep(DAY_MS, 1_000)
    const before = await sweptBefore()
    expect(Math.abs((before ?? 0) / 1000 - (Date.now() - 30 * HOUR_MS))).toBeLessThan(60_000)
    await doors(1, 50)
    await store.sweep(DAY_MS, 1_000)
    expect(await sweptBefore()).toBe(before)
  })

  it('stay while they must be delivered, while a dead letter may be redriven, and after a late delivery', async () => {
    const [waiting, dead, late] = [await doors(1, 30), await doors(1, 30), await doors(1, 30)]
    const name = 'instance, version, index'
    await sql.query(
      `insert into outbox (${name}, subscriber, due_at)
       select ${name}, 'recorder', now() + interval '1 hour' from events where instance = $1`,
      waiting,
    )
    await sql.query(
      `insert into dead_letters (${name}, subscriber, attempts, error)
       select ${name}, 'recorder', 10, 'x' from events where instance = $1`,
      dead,
    )
    await sql.query(`update events set late_at = now() - interval '1 hour' where instance = $1`, late)
    expect(await store.sweep(DAY_MS, 1_000)).toBe(0)
    const undelivered = (await eventsOf(waiting)) + (await eventsOf(dead))
    await sql.query('delete from outbox')
    await sql.query('delete from dead_letters')
    expect(await store.sweep(DAY_MS, 1_000)).toBe(undelivered)
    expect(await eventsOf(late)).toBeGreaterThan(0)
  })

  it('are swept by any number of processes at once, each row by one, and no commit waits', async () => {
    const ids = await doors(10, 30)
    const all = await eventsOf(ids)
    // One sweep is held up in the middle, its rows locked.
    const client = await sql.connect()
    await client.query('begin')
    await client.query('select from events order by recorded_at limit 5 for update')
    const swept = await Promise.all([1, 2, 3].map(() => store.sweep(DAY_MS, 1_000)))
    expect(swept.reduce((sum, n) => sum + n, 0)).toBe(all - 5)
    const door = callerOf(opened.engine)
    for (const id of ids) await door.shut(id)
    await client.query('rollback')
    client.release()
    expect(await store.sweep(DAY_MS, 1_000)).toBe(5)
  })

  it('are no violation for the audit, but events missing without a sweep are', async () => {
    const [swept, kept] = [await doors(1, 30), await doors(1, 1)]
    // The journal is as old as the events were.
    await sql.query(
      `update journal set at = at - interval '30 hours',
         event = jsonb_set(event, '{at}', to_jsonb((event ->> 'at')::float8 - $2)) where instance = $1`,
      [swept[0], 30 * HOUR_MS],
    )
    await sql.query(
      `update instances set created_at = created_at - interval '30 hours',
         updated_at = updated_at - interval '30 hours' where id = $1`,
      swept,
    )
    await sql.query(`update timers set due_at = due_at - interval '30 hours' where instance = $1`, swept)
    expect((await violationsOf(sql)).filter(text => text.startsWith('7'))).toEqual([])
    await store.sweep(DAY_MS, 1_000)
    expect(await eventsOf(swept)).toBe(0)
    expect((await violationsOf(sql)).filter(text => text.startsWith('7'))).toEqual([])
    await sql.query('delete from events where instance = $1', kept)
    expect((await violationsOf(sql)).filter(text => text.startsWith('7'))).toEqual([
      expect.stringContaining(`${kept[0]}: events: missing`),
    ])
  })
})
