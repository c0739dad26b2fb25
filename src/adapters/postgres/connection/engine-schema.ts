/*
 * The engine's tables have their own schema. Statements name them in braces, `{instances}`, and get the schema when
 * they are sent. Nothing depends on `search_path`, which a pooler may change. Tables of the product, projections and
 * preconditions are found by the database's own `search_path`.
 */
import type pg from 'pg'

/** The schema of the engine's tables in the product. */
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

/** The name as a SQL identifier. Throws if it cannot be a schema of ours: Postgres reserves `pg_…`. */
export function schemaIdentifier(name: string): string {
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(name)) {
    throw new Error(
      `The schema "${name}" should be lower-case letters, digits and _, begin with no digit and not with pg_, and have at most 63 characters`,
    )
  }
  return `"${name}"`
}

/**
 * Returns a function that puts the schema before each name in braces. Results are cached: few texts are sent very
 * often.
 */
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

/** Qualifies the product's statements. */
export const qualified = qualifier(DEFAULT_SCHEMA)

/** A pool whose statements name the engine's tables in braces. */
export interface EnginePool extends Pick<pg.Pool, 'query'> {
  /** A plain connection. The caller must qualify its statements. */
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
