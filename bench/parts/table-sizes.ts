/* The sizes of the tables that the engine writes to, each with its indexes. */
import { BYTES_PER_MB } from '../measure.js'
import type { Database } from '../world.js'

export const KEEP_THE_PAST = ['instances', 'journal', 'events', 'trips']
export const ARE_EMPTIED = ['timers', 'outbox', 'claims']

/** In bytes. `total` includes the indexes. */
export interface Size {
  readonly table: number
  readonly total: number
}

export type Sizes = ReadonlyMap<string, Size>

export async function tableSizes({ pool }: Database): Promise<Sizes> {
  const { rows } = await pool.query<Size & { name: string }>(
    `select name, sum(pg_table_size(part.relid))::float8 as table, sum(pg_total_relation_size(part.relid))::float8 as total
     from unnest($1::text[]) as name, pg_partition_tree(name::regclass) as part
     group by name`,
    [[...KEEP_THE_PAST, ...ARE_EMPTIED]],
  )
  return new Map(rows.map(({ name, ...size }) => [name, size]))
}

/** The size of the table plus that of its indexes, in MB. */
export function sizeInWords({ table, total }: Size): string {
  const mb = (bytes: number) => (bytes / BYTES_PER_MB).toFixed(bytes < 10 * BYTES_PER_MB ? 1 : 0)
  return `${mb(table)} + ${mb(total - table)}`
}
