import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFAULT_SCHEMA } from '../connection/engine-schema.js'

/** The repository's, seen from `src` and from `dist` alike. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../../migrations', import.meta.url))

/** Those of the engine's tables, which have a schema of their own. */
export const ENGINE_MIGRATIONS_FOLDER = join(MIGRATIONS_FOLDER, 'engine')

/** What they add up to, for reviewers; `npm run schema` writes it, a test compares it. */
export const SCHEMA_FILE = join(MIGRATIONS_FOLDER, 'schema.txt')

export interface Migration {
  readonly name: string
  readonly sql: string
  /** SHA-256 of the text as first released. Line ends are normalized, since git may change them. */
  readonly checksum: string
}

/**
 * Files that were corrected after a release: checksum of the present text → checksum of the first text, under which the
 * file counts. So databases that applied the first text stay valid, and the previous release accepts a database made by
 * this one. A correction must leave a migrated database as the first text did.
 */
const CORRECTED: ReadonlyMap<string, string> = new Map([
  // 0003 called uuidv7(), which only Postgres 18 has.
  [
    'dce493bceca21cc6510d2def2bde6cc5c86be9f1948675cf71c9ebcdad06844c',
    'fc607e41887561ab6d617f91f2f73a4bef2cd6c69832c4fa725c383fe784b04e',
  ],
])

/** Of the product's own tables. */
export const PRODUCT_SCHEMA = 'public'

/** Files that are applied in their order, each once. */
export interface MigrationGroup {
  readonly migrations: readonly Migration[]
  /** The only schema that is searched while they run. */
  readonly schema: string
  /** Its table in which it is written down which of them have been applied. */
  readonly record: 'schema_migrations' | 'migrations'
}

export const productMigrations = (migrations: readonly Migration[]): MigrationGroup => ({
  schema: PRODUCT_SCHEMA,
  record: 'schema_migrations',
  migrations,
})

/** What the product needs: its own tables, and then those of the engine. The files as they are now. */
export async function readProductMigrations(): Promise<readonly MigrationGroup[]> {
  return [
    productMigrations(await readMigrations(MIGRATIONS_FOLDER)),
    await readEngineMigrations(DEFAULT_SCHEMA),
  ]
}

export async function readEngineMigrations(schema: string): Promise<MigrationGroup> {
  return { schema, record: 'migrations', migrations: await readMigrations(ENGINE_MIGRATIONS_FOLDER) }
}

/** All files `NNNN_name.sql` in their order. Throws if one is named otherwise or two have the same number. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.sql')).sort()
  const numbers = new Set<string>()
  for (const name of names) {
    const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1]
    if (number === undefined) throw new Error(`Migration ${name} should be named like 0001_foundation.sql.`)
    if (numbers.has(number)) throw new Error(`Two migrations have the number ${number}: ${name} is one.`)
    numbers.add(number)
  }
  return Promise.all(
    names.map(async name => {
      const sql = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n')
      const checksum = createHash('sha256').update(sql).digest('hex')
      return { name, sql, checksum: CORRECTED.get(checksum) ?? checksum }
    }),
  )
}
