/* The rows of an accept that the engine itself has made. The limit writes these rows, so it writes rows of the same size. */
import type pg from 'pg'
import { createRequest, openEngine, sendAccept } from '../engine.js'
import type { Database } from '../world.js'
import { idOf, type Name } from './statement.js'

/** The parameters of the statement that are the same for every row. JSON is text. */
export type Sample = Readonly<Record<Exclude<Name, 'n' | 'expected'>, string>>

/** Creates a request of two trucks and accepts one, then reads the rows that were written. */
export async function makeSample({
  connectionString,
  pool,
}: Database): Promise<Sample & { readonly id: string }> {
  const { engine, close } = await openEngine(connectionString)
  const id = await createRequest(engine, 'sample', 2)
  await sendAccept(engine, id, 'sample')
  await close()
  const { rows } = await pool.query<Sample>(
    `select i.status, i.snapshot_json::text as snapshot, j.event_json::text as event, j.actor_json::text as actor, e.type,
       e.payload_json::text as payload, e.audience::text,
       t.send_id as sendid, t.event_json::text as timer
     from instances i
     join journal j on j.instance = i.id and j.version = i.version
     join events e on e.instance = i.id and e.version = i.version
     cross join lateral (select * from timers where instance = i.id order by due_at limit 1) t
     where i.id = $1`,
    [id],
  )
  const [sample, ...more] = rows
  if (sample === undefined || more.length > 0)
    throw new Error('expected that an accept emits one event, and that its request has timers')
  return { ...sample, id }
}

/** Creates instances 1 to `count` at version 1, each with a claim, like requests without an accept. */
export async function fillInstances(pool: pg.Pool, sampleId: string, count: number): Promise<void> {
  await pool.query(
    `insert into instances (id, machine, definition_version, version, status, owner, snapshot_json, created_at, updated_at)
     select ${idOf('n')}, machine, definition_version, 1, 'searching', owner, snapshot_json, now(), now()
     from instances, generate_series(1, $2::int) n where id = $1::uuid`,
    [sampleId, count],
  )
  await pool.query(
    `insert into claims (key, instance) select 'customer:' || n, ${idOf('n')} from generate_series(1, $1::int) n`,
    [count],
  )
}
