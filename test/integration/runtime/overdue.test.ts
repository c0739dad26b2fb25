/* Every process was down for a while: timers by the thousand are overdue when one starts. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from '@jest/globals'
import { uuidAt } from '../../../bench/uuid.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, until } from '../../support/engine/engine.js'
import { briefly, callerOf, newDoor } from '../../support/machines/doors.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const OVERDUE = isLong ? 100_000 : 5_000
/** What one process has under way at a time: order holds between these, not within. */
const UNDER_WAY = 2_000
/** A hundred thousand instances in memory at once would take several times this. */
const MOST_MORE_MB = 200

/** A subscriber that receives everything and keeps nothing, so that memory shows what the engine keeps. */
const deafSubscriber = { name: 'deaf', wants: () => true, handle: () => {} }

const { connectionString, sql, closing } = await useDatabase()

const count = async (text: string) => Number((await sql.query(`select count(*) as n from ${text}`)).rows[0].n)

/** Copies of one open door, each opened a millisecond after the one before, all of them overdue; shuffled by id. */
async function copyDoor(id: string, copies: number): Promise<void> {
  for (const statement of [
    `create table copies as
       select ${uuidAt('clock_timestamp()')} as id, interval '1 minute' + n * interval '1 ms' as age
       from generate_series(1, ${copies}) n`,
    `insert into instances (id, machine, definition_version, version, status, owner, snapshot_json, created_at, updated_at)
       select c.id, machine, definition_version, version, status, owner, snapshot_json, created_at - age, updated_at - age
       from copies c, instances i where i.id = '${id}'`,
    `insert into journal (instance, version, uid, event_json, status, actor_json, at)
       select c.id, version, gen_random_uuid(), event_json, status, actor_json, at - age
       from copies c, journal j where j.instance = '${id}'`,
    `update journal set event_json = (event_json::jsonb || jsonb_build_object('at', (extract(epoch from at) * 1000)::bigint))::json`,
    // The open passage bears the uid of the event that made it.
    `update journal j set uid = o.uid from journal o where o.instance = '${id}' and o.version = j.version`,
    `insert into events (instance, version, index, type, payload_json, audience, at)
       select c.id, version, index, type, payload_json, audience, at - age
       from copies c, events e where e.instance = '${id}'`,
    `insert into timers (instance, send_id, machine, generation, event_json, due_at)
       select c.id, send_id, machine, generation, event_json, due_at - age from copies c, timers t where t.instance = '${id}'`,
    'analyze',
  ]) {
    await sql.query(statement)
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What is kept, without what only waits to be collected. */
const megabytes = () => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

it(`${OVERDUE} of them are fired in order of due time, within bounds, and commands are served in the meantime`, async () => {
  const opened = closing(openEngine(connectionString, { subscribers: [deafSubscriber] }))
  const door = callerOf(opened.engine)
  const [model, other] = [await newDoor(opened.engine, 1_000), await newDoor(opened.engine)]
  await door.open(model)
  await copyDoor(model, OVERDUE)
  expect(await violationsOf(sql)).toEqual([])

  const before = megabytes()
  await opened.engine.start()
  await until(async () => (await count('timers where leased_until is not null')) > 0)
  // In the middle of it.
  expect(briefly(await door.open(other))).toBe('applied 2')
  expect(briefly(await door.shut(other))).toBe('applied 3')
  const left = await count('copies c join timers t on t.instance = c.id')
  expect(left).toBeGreaterThan(0)
  await until(async () => (await count('copies c join timers t on t.instance = c.id')) === 0, 240_000)
  const more = megabytes() - before
  await until(async () => (await count('outbox')) === 0, 60_000)

  // Transactions are numbered as they begin to write.
  const { rows } = await sql.query(`
    select max(abs(by_due - by_commit))::int as furthest
    from (select row_number() over (order by j.at) as by_due,
                 row_number() over (order by j.xmin::text::bigint, j.at) as by_commit
          from journal j join copies c on c.id = j.instance where version = 3) as ranks`)
  expect(rows[0].furthest).toBeLessThanOrEqual(UNDER_WAY)
  expect(more).toBeLessThan(MOST_MORE_MB)
  expect(await count('journal j join copies c on c.id = j.instance where version = 3')).toBe(OVERDUE)
  expect(await violationsOf(sql)).toEqual([])
})
