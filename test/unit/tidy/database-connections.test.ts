import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'

/** These two add the listener for lost connections at creation; everything else gets its connections from database.ts. */
const MAKERS = [
  'src/adapters/postgres/connection/client.ts',
  'src/adapters/postgres/connection/bounded-pool.ts',
]

/** All code except tests and benchmarks, which end their connections themselves. */
const FOLDERS = ['src', 'scripts', 'deploy', 'demo', 'examples']

function programsIn(folder: string): string[] {
  return readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(ts|js|mjs)$/.test(name) && !name.includes('node_modules'))
    .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
}

/** Code that makes a connection or a pool, derives a class from one, or imports a constructor under another name. */
const PATTERNS = [
  /\bnew\s+(pg\.)?(Client|Pool|BoundedPool)\b/,
  /\bextends\s+(pg\.)?(Client|Pool)\b/,
  /import\s+(?!type\b)[^;'"]*\{[^}]*\b(?<!type )(Client|Pool)\b[^}]*\}\s*from\s*['"]pg(-pool)?['"]/,
  /\b(import|require)\(\s*['"]pg(-pool)?['"]\s*\)/,
  /['"]pg-pool['"]/,
  /const\s*\{[^}]*\b(Client|Pool)\b[^}]*\}\s*=\s*pg\b/,
]

const makesConnections = (text: string) => PATTERNS.some(pattern => pattern.test(text))

describe('connections to Postgres', () => {
  it('R13.1 are made in one place', () => {
    const makers = FOLDERS.flatMap(programsIn).filter(path =>
      makesConnections(readFileSync(join(repositoryRoot, path), 'utf8')),
    )
    expect(makers.sort()).toEqual([...MAKERS, 'src/adapters/postgres/connection/database.ts'].sort())
  })

  it.each([
    'const client = new pg.Client({ connectionString })',
    'const pool = new Pool()',
    'class Mine extends pg.Pool {}',
    "import { Client as C } from 'pg'",
    "import pg, { type PoolClient, Pool } from 'pg'",
    "const { Client } = await import('pg')",
    "import Pool from 'pg-pool'",
    'const { Pool: P } = pg',
  ])('would be noticed elsewhere: %s', text => {
    expect(makesConnections(text)).toBe(true)
  })

  it.each(["import type { Pool } from 'pg'", "import pg, { type Pool } from 'pg'", 'let pool: pg.Pool'])(
    'may be named elsewhere: %s',
    text => {
      expect(makesConnections(text)).toBe(false)
    },
  )
})
