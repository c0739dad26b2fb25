/*
 * The engine's tables have a schema of their own. Statements name them in braces, `{instances}`, and are given the schema when they
 * are sent: nothing rests on `search_path`, which a pooler may have changed. The tables of the product, and those of projections and
 * preconditions, are where the database's own `search_path` finds them.
 */
import type pg from 'pg'

/** Where the product has the engine's tables. */
export const DEFAULT_SCHEMA = 'loadcast'

const TABLES = [
  'instances',
  'journal',
  'events',
  'outbox',
  'dead_letters',
  'timers',
  'claims',
  'idempotency_keys',
  'processes',
  'definition_versions',
  'sweeps',
  'event_retention',
  'storage_format',
] as const
const FUNCTIONS = ['first_id_at', 'make_journal_months', 'room_for_instance'] as const
const NAMES = new RegExp(`\\{(${[...TABLES, ...FUNCTIONS].join('|')})\\}`, 'g')

/** As SQL. Throws if it could not be a schema of ours: Postgres keeps `pg_…` for itself. */
export function schemaIdentifier(name: string): string {
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(name)) {
    throw new Error(
      `The schema "${name}" should be lower-case letters, digits and _, begin with no digit and not with pg_, and have at most 63 characters`,
    )
  }
  return `"${name}"`
}

/** Returns a function that puts the schema before each name in braces. Few texts are sent, many times: each is made once. */
export function qualifier(schema: string): (text: string) => string {
  const prefix = `${schemaIdentifier(schema)}.`
  const known = new Map<string, string>()
  return text => {
    let made = known.get(text)
    if (made === undefined) {
      made = text.replaceAll(NAMES, (_, name: string) => prefix + name)
      known.set(text, made)
    }
    return made
  }
}

/** For the statements of the product. */
export const qualified = qualifier(DEFAULT_SCHEMA)

/** A pool for statements that name the engine's tables in braces. */
export interface EnginePool extends Pick<pg.Pool, 'query'> {
  /** A connection as it is: what it is sent is to be qualified. */
  connect(): Promise<pg.PoolClient>
  qualify(text: string): string
}

export function inSchema(pool: pg.Pool, schema: string): EnginePool {
  const qualify = qualifier(schema)
  const query = (statement: string | pg.QueryConfig, values?: unknown[]) =>
    typeof statement === 'string'
      ? pool.query(qualify(statement), values)
      : pool.query({ ...statement, text: qualify(statement.text) })
  return { query: query as pg.Pool['query'], connect: () => pool.connect(), qualify }
}
