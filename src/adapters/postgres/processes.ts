/*
 * Living processes and the versions they know. Announcements take turns, by an advisory lock: of two that begin at the
 * same moment, one with a new version and one that knows only the old, the second sees the first.
 */
import type pg from 'pg'
import type { ProcessVersions, Store } from '../../runtime/ports.js'

/** Any number that no other use of advisory locks in this database has. */
const ADVISORY_LOCK = 0x6c6f6176

const ANNOUNCE = `
insert into processes (id, machine, version, alive_until)
select $1, v.machine, v.version, clock_timestamp() + $4::float8 * interval '1 millisecond'
from unnest($2::text[], $3::int[]) as v(machine, version)
on conflict (id, machine) do update set version = excluded.version, alive_until = excluded.alive_until`

const FORGET_THE_DEAD = 'delete from processes where alive_until < clock_timestamp()'

/** The newest that all know; what may be written once is written for good. */
const SETTLE = `
insert into definition_versions as d (machine, version)
select machine, min(version) from processes where machine = any($1::text[]) group by machine
on conflict (machine) do update set version = greatest(d.version, excluded.version)
returning machine, version`

const ignore = () => {}

const FORGET = 'delete from processes where id = $1'

export function createProcesses(pool: pg.Pool): Pick<Store, 'announceProcess' | 'forgetProcess'> {
  return {
    async announceProcess({ id, versions }: ProcessVersions, leaseMs: number) {
      const machines = [...versions.keys()]
      const client = await pool.connect()
      // A connection that is lost says so twice: to whoever waits for an answer, which is enough, and here.
      client.on('error', ignore)
      try {
        await client.query('begin')
        await client.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK])
        await client.query(FORGET_THE_DEAD)
        await client.query(ANNOUNCE, [id, machines, [...versions.values()], leaseMs])
        const { rows } = await client.query<{ machine: string; version: number }>(SETTLE, [machines])
        await client.query('end')
        client.off('error', ignore)
        client.release()
        return new Map(rows.map(({ machine, version }) => [machine, version]))
      } catch (error) {
        // Whatever state the connection is in: another takes its place.
        client.release(true)
        throw error
      }
    },
    async forgetProcess(id) {
      await pool.query(FORGET, [id])
    },
  }
}
