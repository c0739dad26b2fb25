/*
 * Living processes and the versions they know. Announcements take turns, by an advisory lock: of two that begin at the
 * same moment, one with a new version and one that knows only the old, the second sees the first.
 */
import type pg from 'pg'
import type { ProcessVersions, Store } from '../../runtime/ports.js'

/** Any number that no other use of advisory locks in this database has. */
const ADVISORY_LOCK = 0x6c6f6176

/**
 * If a process is paused within its turn, the server ends its session, so that the others can take theirs. They wait
 * longer than this.
 */
const TURN_MS = 1_500

/** For a turn; more than processes take that all start at once, less than a third of their lease. */
const TURN_TIMEOUT_MS = 3_000

const TAKE_TURN = `
begin;
set local lock_timeout = ${TURN_TIMEOUT_MS};
set local idle_in_transaction_session_timeout = ${TURN_MS};
select pg_advisory_xact_lock(${ADVISORY_LOCK})`

/**
 * Sees all whose turn came before. The newest version that all know is settled: what may be written once is written for
 * good. All parts of a statement see the table as it was before it, so this process and the dead are told apart by hand.
 */
const ANNOUNCE = `
with mine as (
  select * from unnest($2::text[], $3::int[]) as v (machine, version)
), dead as (
  delete from processes where alive_until < clock_timestamp() and id <> $1
), announced as (
  insert into processes (id, machine, version, alive_until)
  select $1, machine, version, clock_timestamp() + $4::float8 * interval '1 millisecond' from mine
  on conflict (id, machine) do update set version = excluded.version, alive_until = excluded.alive_until
), known as (
  select machine, version from mine
  union all
  select p.machine, p.version from processes p
  where p.machine = any($2::text[]) and p.id <> $1 and p.alive_until >= clock_timestamp()
)
insert into definition_versions as d (machine, version)
select machine, min(version) from known group by machine
on conflict (machine) do update set version = greatest(d.version, excluded.version)
returning machine, version`

const FORGET = 'delete from processes where id = $1'

export function createProcesses(pool: pg.Pool): Pick<Store, 'announceProcess' | 'forgetProcess'> {
  return {
    async announceProcess({ id, versions }: ProcessVersions, leaseMs: number) {
      const machines = [...versions.keys()]
      const client = await pool.connect()
      try {
        await client.query(TAKE_TURN)
        const values = [id, machines, [...versions.values()], leaseMs]
        const { rows } = await client.query<{ machine: string; version: number }>(ANNOUNCE, values)
        await client.query('end')
        client.release()
        return new Map(rows.map(({ machine, version }) => [machine, version]))
      } catch (error) {
        // Whatever state the connection is in: another takes its place.
        client.release(error as Error)
        throw error
      }
    },
    async forgetProcess(id) {
      await pool.query(FORGET, [id])
    },
  }
}
