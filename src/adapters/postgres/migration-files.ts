import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's, seen from `src` and from `dist` alike. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url))

/** What they add up to, for reviewers; `npm run schema` writes it, a test compares it. */
export const SCHEMA_FILE = join(MIGRATIONS_FOLDER, 'schema.txt')

export interface Migration {
  readonly name: string
  readonly sql: string
  /** SHA-256 of the text, line ends aside: git may have changed these. */
  readonly checksum: string
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
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}
