/* Projections: a table and its columns, as the names become SQL; and the rows, as the database takes them. */
import type { ColumnType, Projection } from '../../definition.js'
import { isText, storedValue, UnstorableValueError } from '../stored-value.js'
import { isUuid } from './caller.js'
import { at, isObject, type Report, shown } from './fault.js'
import { refuseValue } from './moved.js'
import { UNSTORABLE_TEXT } from './text.js'

/** Postgres cuts longer names. */
const MAX_IDENTIFIER_BYTES = 63
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/
const IDENTIFIER_EXPECTED = `expected lower-case letters, digits and _, at most ${MAX_IDENTIFIER_BYTES}, not beginning with a digit`

/** The tables that the engine itself writes. A projection of such a name would write into them. */
export const ENGINE_TABLES: ReadonlySet<string> = new Set([
  'claims',
  'dead_letters',
  'definition_versions',
  'event_retention',
  'events',
  'idempotency_keys',
  'instances',
  'journal',
  'journal_months',
  'migrations',
  'outbox',
  'processes',
  'schema_migrations',
  'storage_format',
  'sweeps',
  'timers',
])

/** The parts of the journal are tables too. */
const JOURNAL_PARTS = 'journal_'

/** Columns that the engine fills. */
const ENGINE_COLUMNS = ['instance', 'version']

const TYPES: Readonly<Record<ColumnType, true>> = {
  uuid: true,
  text: true,
  integer: true,
  timestamptz: true,
  jsonb: true,
}

export function checkProjections(projections: unknown, report: Report): void {
  if (!Array.isArray(projections)) {
    report('projections', `expected an array, got ${shown(projections)}`)
    return
  }
  const tables = new Map<unknown, number>()
  for (const [i, projection] of projections.entries()) {
    const path = at('projections', i)
    if (!isObject(projection)) {
      report(path, `expected a projection, got ${shown(projection)}`)
      continue
    }
    const { table, columns, rows } = projection
    checkTable(table, at(path, 'table'), report)
    const twin = tables.get(table)
    if (twin !== undefined)
      report(at(path, 'table'), `${shown(table)} is the table of projections[${twin}] too`)
    tables.set(table, i)
    checkColumns(columns, at(path, 'columns'), report)
    if (typeof rows !== 'function') report(at(path, 'rows'), `expected a function, got ${shown(rows)}`)
  }
}

function checkTable(table: unknown, path: string, report: Report): void {
  if (!isIdentifier(table)) report(path, `${IDENTIFIER_EXPECTED}; got ${shown(table)}`)
  else if (ENGINE_TABLES.has(table) || table.startsWith(JOURNAL_PARTS))
    report(path, `${shown(table)} is a table of the engine: choose another name`)
}

function checkColumns(columns: unknown, path: string, report: Report): void {
  if (!isObject(columns)) {
    report(path, `expected an object of column names and types, got ${shown(columns)}`)
    return
  }
  for (const [name, type] of Object.entries(columns)) {
    const where = at(path, name)
    if (!isIdentifier(name)) report(where, IDENTIFIER_EXPECTED)
    else if (ENGINE_COLUMNS.includes(name)) report(where, 'is filled by the engine: choose another name')
    if (typeof type !== 'string' || !Object.hasOwn(TYPES, type)) {
      report(where, `expected one of ${Object.keys(TYPES).join(', ')}; got ${shown(type)}`)
    }
  }
  if (!Object.hasOwn(columns, 'id')) report(path, 'expected a column "id", by which rows are written again')
}

function isIdentifier(name: unknown): name is string {
  return typeof name === 'string' && IDENTIFIER.test(name) && name.length <= MAX_IDENTIFIER_BYTES
}

type Rows = readonly Readonly<Record<string, unknown>>[]

/** What `rows` gave. Throws `DefinitionError`, which names the row. */
export function checkedRows(
  definition: { readonly name: string; readonly version: number },
  { table, columns }: Pick<Projection<never>, 'table' | 'columns'>,
  rows: unknown,
): Rows {
  const path = `projections.${table}.rows`
  if (!Array.isArray(rows)) refuseValue(definition, path, `expected an array, got ${shown(rows)}`)
  for (const [i, row] of rows.entries()) {
    const rowPath = at(path, i)
    if (!isObject(row)) refuseValue(definition, rowPath, `expected an object, got ${shown(row)}`)
    if (row.id === undefined || row.id === null) {
      refuseValue(definition, at(rowPath, 'id'), `expected the row's key, got ${shown(row.id)}`)
    }
    for (const name in row) {
      const type = columns[name]
      if (type === undefined)
        refuseValue(definition, at(rowPath, name), `the table ${table} has no such column`)
      const value = row[name]
      if (value === null || value === undefined) continue
      const complaint = COMPLAINTS[type](value)
      if (complaint !== undefined) refuseValue(definition, at(rowPath, name), complaint)
    }
  }
  return rows
}

const MAX_INTEGER = 2 ** 31

const COMPLAINTS: Readonly<Record<ColumnType, (value: unknown) => string | undefined>> = {
  uuid: value => (isUuid(value) ? undefined : `expected a UUID, got ${shown(value)}`),
  text: value => {
    if (typeof value !== 'string') return `expected a string, got ${shown(value)}`
    return isText(value) ? undefined : UNSTORABLE_TEXT
  },
  integer: value =>
    Number.isInteger(value) && Number(value) >= -MAX_INTEGER && Number(value) < MAX_INTEGER
      ? undefined
      : `expected an integer of 32 bits, got ${shown(value)}`,
  timestamptz: value =>
    typeof value === 'string' && isIsoTime(value)
      ? undefined
      : `expected a time in ISO 8601, got ${shown(value)}`,
  jsonb: value => {
    try {
      storedValue(value, 'the value')
      return undefined
    } catch (error) {
      if (error instanceof UnstorableValueError) return error.message
      throw error
    }
  },
}

/** JavaScript takes the 30th of February for a day in March; Postgres refuses it. */
function isIsoTime(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2})?)?$/.test(text) || Number.isNaN(Date.parse(text)))
    return false
  const day = text.slice(0, 'YYYY-MM-DD'.length)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}
