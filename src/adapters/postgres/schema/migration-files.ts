import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFAULT_SCHEMA } from '../connection/engine-schema.js'

/** The repository's folder, found from `src` and from `dist` alike. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../../migrations', import.meta.url))

/** The files for the engine's tables, which have their own schema. */
export const ENGINE_MIGRATIONS_FOLDER = join(MIGRATIONS_FOLDER, 'engine')

/** The schema that the files add up to, for reviewers. `npm run schema` writes it, and a test compares it. */
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

/** The schema of the product's own tables. */
export const PRODUCT_SCHEMA = 'public'

/** Files that are applied in order, each once. */
export interface MigrationGroup {
  readonly migrations: readonly Migration[]
  /** The only schema in `search_path` while they run. */
  readonly schema: string
  /** The table in its schema that records the applied files. */
  readonly record: 'schema_migrations' | 'migrations'
}

export const productMigrations = (migrations: readonly Migration[]): MigrationGroup => ({
  schema: PRODUCT_SCHEMA,
  record: 'schema_migrations',
  migrations,
})

/** The files of the product's own tables and those of the engine's tables, read now. */
export async function readProductMigrations(): Promise<readonly MigrationGroup[]> {
  return [
    productMigrations(await readMigrations(MIGRATIONS_FOLDER)),
    await readEngineMigrations(DEFAULT_SCHEMA),
  ]
}

export async function readEngineMigrations(schema: string): Promise<MigrationGroup> {
  return { schema, record: 'migrations', migrations: await readMigrations(ENGINE_MIGRATIONS_FOLDER) }
}

/** All files `NNNN_name.sql`, in order. Throws if a name has another form or two files have the same number. */
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
