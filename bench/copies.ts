/*
 * Copies one instance that the engine made, many times and with all its rows, in SQL. The engine would need minutes for a
 * million. Each copy has its own ids and names everywhere, so it passes the audit.
 */
import type pg from 'pg'
import { inFlight } from './measure.js'
import { uuidAt } from './uuid.js'

/** `name` ends the ids of the sample's customer, driver and vehicle. No other text of the sample may contain it. */
export interface Copied {
  readonly id: string
  readonly name: string
}

export interface CopyOptions {
  /** The beginning of the names of copies. */
  readonly prefix: string
  /** False: without events, as after the retention. The audit reports them as missing unless a sweep is recorded. */
  readonly hasEvents?: boolean
}

/** Rows of one statement. More need more memory of the server, and an interrupted run takes longer to end. */
const BATCH = 50_000
/** The work is bound by the CPU: one statement for each core of these machines. */
const AT_ONCE = 2
/** Long enough ago that no timer of a copy is due. */
const DAY_AGO = "clock_timestamp() - interval '1 day'"

/** Copies the sample `count` times. Throws while an event of the sample is not delivered yet. */
export async function copyInstances(
  pool: pg.Pool,
  sample: Copied,
  count: number,
  { prefix, hasEvents = true }: CopyOptions,
): Promise<void> {
  const uids = await readSample(pool, sample)
  const tables = hasEvents ? TABLES : TABLES.filter(({ table }) => table !== 'events')
  await inFlight(Math.ceil(count / BATCH), AT_ONCE, async batch => {
    const first = 1 + batch * BATCH
    const last = Math.min(count, first + BATCH - 1)
    const client = await pool.connect()
    try {
      await client.query(
        `create temp table copies as
         select ${uuidAt(DAY_AGO)} as id, '${prefix}' || n as name,
           array(select ${uuidAt(DAY_AGO)} from generate_series(1, ${uids.length}) where n > 0) as uids
         from generate_series(${first}, ${last}) n order by 1`,
      )
      for (const { table, key, columns } of tables) {
        const values = columns.map(column => rewritten(column, sample, uids))
        await client.query(
          `insert into ${table} (${columns.map(nameOf).join(', ')})
           select ${values.join(', ')} from copies c cross join ${table} s where s.${key} = $1`,
          [sample.id],
        )
      }
      await client.query('drop table copies')
    } finally {
      client.release()
    }
  })
}

/** Columns with a type are rewritten for the copy. All others are copied. */
type Column = string | readonly [name: string, type: 'text' | 'json' | 'jsonb' | 'uuid' | 'text[]']

interface Table {
  readonly table: string
  /** The column with the instance's id. */
  readonly key: string
  readonly columns: readonly Column[]
}

const TABLES: readonly Table[] = [
  {
    table: 'instances',
    key: 'id',
    columns: [
      ['id', 'uuid'],
      ...['machine', 'definition_version', 'version', 'status'],
      ['owner', 'text'],
      ['snapshot_json', 'json'],
      ...['created_at', 'updated_at'],
    ],
  },
  {
    table: 'journal',
    key: 'instance',
    columns: [
      ['instance', 'uuid'],
      'version',
      ['uid', 'uuid'],
      ['event_json', 'json'],
      'status',
      ['actor_json', 'json'],
      'at',
    ],
  },
  {
    table: 'events',
    key: 'instance',
    columns: [
      ['instance', 'uuid'],
      ...['version', 'index', 'type'],
      ['payload_json', 'json'],
      ['audience', 'text[]'],
      ...['at', 'recorded_at'],
    ],
  },
  {
    table: 'timers',
    key: 'instance',
    columns: [['instance', 'uuid'], ...['send_id', 'machine', 'generation', 'event_json', 'due_at']],
  },
  {
    table: 'claims',
    key: 'instance',
    columns: [
      ['key', 'text'],
      ['instance', 'uuid'],
    ],
  },
  {
    table: 'trips',
    key: 'instance',
    columns: [
      ['id', 'uuid'],
      ['instance', 'uuid'],
      ...['version', 'truck_id'],
      ['customer_id', 'text'],
      ['transporter_id', 'text'],
      ['driver_id', 'text'],
      ['vehicle_id', 'text'],
      'status',
      ['driver', 'jsonb'],
      ['vehicle', 'jsonb'],
      ...['assigned_at', 'started_at', 'ended_at'],
    ],
  },
]

const nameOf = (column: Column) => (typeof column === 'string' ? column : column[0])

/** SQL for the sample's column, with its id, its uids (also the ids of trips) and its name replaced by the copy's. */
function rewritten(column: Column, { id, name }: Copied, uids: readonly string[]): string {
  if (typeof column === 'string') return `s.${column}`
  const swaps = [
    [id, 'c.id::text'],
    [name, 'c.name'],
    ...uids.map((uid, i) => [uid, `c.uids[${i + 1}]::text`]),
  ]
  const text = swaps.reduce((sql, [from, to]) => `replace(${sql}, '${from}', ${to})`, `s.${column[0]}::text`)
  return column[1] === 'text' ? text : `(${text})::${column[1]}`
}

/** Returns the uids of the sample's transitions. */
async function readSample(pool: pg.Pool, { id, name }: Copied): Promise<string[]> {
  if (!/^[a-z-]+$/.test(name)) throw new Error(`"${name}" would be put into SQL without escaping`)
  const { rows: waiting } = await pool.query('select from outbox where instance = $1', [id])
  if (waiting.length > 0) throw new Error('the sample has events that are not delivered yet')
  const { rows } = await pool.query<{ uid: string }>('select uid from journal where instance = $1', [id])
  return rows.map(({ uid }) => uid)
}
