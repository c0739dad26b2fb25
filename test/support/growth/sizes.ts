/* What every table has, in rows and in bytes as they are stored: the row, what it has in TOAST, and its index entries. */
import type { TestApp } from '../server/server.js'

export interface Size {
  readonly rows: number
  readonly bytes: number
}

export type Sizes = ReadonlyMap<string, Size>

/** Postgres keeps as much for each row: a header of 24 bytes and a pointer. */
const ROW_OVERHEAD = 28
/** And for each entry of an index: a header, a pointer, alignment; pages are some two thirds full. */
const ENTRY_OVERHEAD = 16
const INDEX_PAGES = 1.5

interface Shape {
  readonly name: string
  readonly columns: readonly string[]
  readonly indexes: readonly { readonly predicate: string | null; readonly parts: readonly string[] }[]
}

const SHAPES = `
select c.oid::regclass::text as name,
  array(select quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    order by a.attnum) as columns,
  (select coalesce(json_agg(json_build_object('predicate', pg_get_expr(i.indpred, i.indrelid), 'parts',
      array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(1, i.indnkeyatts) n))), '[]')
   from pg_index i where i.indrelid = c.oid) as indexes
from pg_class c
where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace::regnamespace::text in ('public', 'loadcast')
  -- What processes write down about themselves.
  and c.relname not in ('sweeps', 'processes', 'push_pace')
order by 1`

const shapes = new WeakMap<TestApp['database'], readonly Shape[]>()

export async function sizesOf({ query, database }: TestApp): Promise<Sizes> {
  const known = shapes.get(database) ?? (await query<Shape & Record<string, unknown>>(SHAPES))
  shapes.set(database, known)
  const rows = await query<{ name: string; rows: number; bytes: number }>(
    known.map(sizeOf).join('\nunion all '),
  )
  return new Map(rows.map(({ name, rows: count, bytes }) => [plain(name), { rows: count, bytes }]))
}

/** As tests and documents call it. */
const plain = (name: string) => name.replace(/^loadcast\./, '')

function sizeOf({ name, columns, indexes }: Shape): string {
  const stored = (parts: readonly string[]) =>
    parts.map(part => `coalesce(pg_column_size(${part}), 0)`).join(' + ')
  const entries = indexes.map(({ predicate, parts }) => {
    const bytes = `(${ENTRY_OVERHEAD} + ${stored(parts)}) * ${INDEX_PAGES}`
    return predicate === null ? bytes : `case when ${predicate} then ${bytes} else 0 end`
  })
  const row = [String(ROW_OVERHEAD), stored(columns), ...entries].join(' + ')
  return `select '${name}' as name, count(*)::int as rows, coalesce(sum(${row}), 0)::float8 as bytes from ${name}`
}

/** What has come since `before`. Tables that did not grow are left out. */
export function growthSince(before: Sizes, now: Sizes): Record<string, Size> {
  const grown: Record<string, Size> = {}
  for (const [name, { rows, bytes }] of now) {
    const was = before.get(name) ?? { rows: 0, bytes: 0 }
    if (rows > was.rows) grown[name] = { rows: rows - was.rows, bytes: bytes - was.bytes }
  }
  return grown
}
