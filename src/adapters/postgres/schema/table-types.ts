/*
 * The types of the tables for Kysely, written from the catalogue of a database to which all migrations were applied. `npm run
 * schema` writes tables.ts with it, and a test compares.
 */
import type pg from 'pg'
import { DEFAULT_SCHEMA } from '../connection/engine-schema.js'

/** How `pg` reads and writes each type that a column has, when no parser is set. */
const TYPES: Readonly<Record<string, string>> = {
  bigint: 'Int8',
  boolean: 'boolean',
  date: 'Timestamp',
  integer: 'number',
  json: 'unknown',
  jsonb: 'unknown',
  real: 'number',
  smallint: 'number',
  text: 'string',
  'text[]': 'readonly string[]',
  tid: 'string',
  'timestamp with time zone': 'Timestamp',
  'timestamp with time zone[]': 'readonly Date[]',
  uuid: 'string',
}

/** What is read of a type that may be written in other ways: Kysely does not look into a column's type. */
const READ: Readonly<Record<string, string>> = { Int8: 'string', Timestamp: 'Date' }

interface Column {
  readonly schema: string
  readonly table: string
  readonly name: string
  readonly type: string
  readonly isNullable: boolean
  /** Postgres computes it, and no statement may. */
  readonly isGenerated: boolean
  readonly hasDefault: boolean
}

/** Views are left out: they are there for earlier releases. So are partitions, since statements name their parents. */
const COLUMNS = `
select n.nspname as schema, c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
  not a.attnotnull as "isNullable", a.attidentity = 'a' or a.attgenerated <> '' as "isGenerated",
  a.atthasdef or a.attidentity <> '' as "hasDefault"
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where n.nspname in ('public', $1) and c.relkind in ('r', 'p') and not c.relispartition
  and a.attnum > 0 and not a.attisdropped
order by n.nspname <> 'public', c.relname collate "C", a.attnum`

const HEADER = `/* Written by \`npm run schema\` from the migrations; a test compares. */
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'

/** \`pg\` reads a bigint as text, since a number could not hold every one. */
type Int8 = ColumnType<string, string | number, string | number>
type Timestamp = ColumnType<Date, Date | string, Date | string>
type DefaultTimestamp = ColumnType<Date, Date | string | undefined, Date | string>
`

/** Returns the text of tables.ts. Throws when a column has a type that TYPES does not know. */
export async function tableTypes(client: pg.Client | pg.Pool): Promise<string> {
  const { rows } = await client.query<Column>(COLUMNS, [DEFAULT_SCHEMA])
  const tables = new Map<string, Column[]>()
  for (const row of rows) {
    const name = row.schema === 'public' ? row.table : `${row.schema}.${row.table}`
    const columns = tables.get(name) ?? []
    columns.push(row)
    tables.set(name, columns)
  }
  const blocks = [...tables].map(([name, columns]) =>
    [`  ${keyOf(name)}: {`, ...columns.map(column => `    ${column.name}: ${typeOf(column)}`), '  }'].join(
      '\n',
    ),
  )
  return `${HEADER}\nexport interface Tables {\n${blocks.join('\n')}\n}\n`
}

const keyOf = (name: string) => (name.includes('.') ? `'${name}'` : name)

function typeOf({ table, name, type, isNullable, isGenerated, hasDefault }: Column): string {
  const known = TYPES[type]
  if (known === undefined) {
    throw new Error(
      `${table}.${name} is ${type}, which table-types.ts cannot write as TypeScript: add it to TYPES`,
    )
  }
  const value = isNullable ? `${known} | null` : known
  if (isGenerated) return `GeneratedAlways<${READ[value] ?? value}>`
  if (!hasDefault) return value
  return known === 'Timestamp' ? value.replace(known, 'DefaultTimestamp') : `Generated<${value}>`
}
