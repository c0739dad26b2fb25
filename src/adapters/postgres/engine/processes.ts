/*
 * Living processes, the versions they know, the storage format they read and the protocol they use. An advisory lock
 * makes announcements take turns. If one process announces a new version while another announces that it knows only the
 * old one, the second sees the first.
 */
import type { ProcessVersions, Store } from '../../../runtime/ports.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { type Peers, PROTOCOL } from './peers.js'
import { NEWEST_FORMAT, type StorageFormat } from './storage-format.js'

/** The number of the advisory lock. No other use in this database may have it. */
const ADVISORY_LOCK = 0x6c6f6176

/**
 * If a process is paused within its turn, the server ends its session, so that the others can take theirs. They wait
 * longer than this.
 */
const TURN_MS = 1_500

/** Time limit of a turn. Longer than many processes need that start at once, and less than a third of their lease. */
const TURN_TIMEOUT_MS = 3_000

const TAKE_TURN = `
begin;
set local lock_timeout = ${TURN_TIMEOUT_MS};
set local idle_in_transaction_session_timeout = ${TURN_MS};
select pg_advisory_xact_lock(${ADVISORY_LOCK})`

/**
 * Sees all announcements of earlier turns. The newest version that all processes know is settled: from then on it may
 * be written. The same holds for the storage format. Releases before formats existed announce none and read format 1.
 * All parts of a statement see the table as it was before the statement, so it excludes this process and dead ones
 * explicitly.
 */
const ANNOUNCE = `
with mine as (
  select * from unnest($2::text[], $3::int[]) as v (machine, version)
), dead as (
  delete from {processes} where alive_until < clock_timestamp() and id <> $1
), announced as (
  insert into {processes} (id, machine, version, storage_format, protocol, alive_until)
  select $1, machine, version, $5::int, $6::int, clock_timestamp() + $4::float8 * interval '1 millisecond' from mine
  on conflict (id, machine) do update
  set version = excluded.version, storage_format = excluded.storage_format, protocol = excluded.protocol,
    alive_until = excluded.alive_until
), others as (
  select machine, version, storage_format, protocol from {processes} where id <> $1 and alive_until >= clock_timestamp()
), known as (
  select machine, version from mine
  union all
  select machine, version from others where machine = any($2::text[])
), read_by_all as (
  select least($5::int, min(storage_format)) as format from others
), settled as (
  update {storage_format} s set format = r.format from read_by_all r where s.format < r.format returning s.format
), versions as (
  insert into {definition_versions} as d (machine, version)
  select machine, min(version) from known group by machine
  on conflict (machine) do update set version = greatest(d.version, excluded.version)
  returning machine, version
)
select machine, version, coalesce((select format from settled), (select format from {storage_format})) as format,
  (select min(protocol) from others) as protocol
from versions`

interface Answer {
  readonly machine: string
  readonly version: number
  readonly format: number
  /** The oldest protocol of another process, null if there is none. */
  readonly protocol: number | null
}

const FORGET = 'delete from {processes} where id = $1'

export function createProcesses(
  pool: EnginePool,
  formats: StorageFormat,
  peers: Peers,
): Pick<Store, 'announceProcess' | 'forgetProcess'> {
  return {
    async announceProcess({ id, versions }: ProcessVersions, leaseMs: number) {
      const machines = [...versions.keys()]
      const client = await pool.connect()
      try {
        await client.query(TAKE_TURN)
        const values = [id, machines, [...versions.values()], leaseMs, NEWEST_FORMAT, PROTOCOL]
        const { rows } = await client.query<Answer>(pool.qualify(ANNOUNCE), values)
        await client.query('end')
        client.release()
        if (rows[0] !== undefined) {
          formats.note(rows[0].format)
          peers.note(rows[0].protocol)
        }
        return new Map(rows.map(({ machine, version }) => [machine, version]))
      } catch (error) {
        // The connection may be in any state, so it is replaced.
        client.release(error as Error)
        throw error
      }
    },
    async forgetProcess(id) {
      await pool.query(FORGET, [id])
    },
  }
}
