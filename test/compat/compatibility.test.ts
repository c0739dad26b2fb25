import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { compatibilityDocument } from './document.js'
import { memoryBackend, postgresBackend } from './harness/backend.js'
import { breachOf, type Finding, judge } from './harness/judge.js'
import { pendingRows } from './pending.js'
import { chapters } from './rows/index.js'
import { type CaseResult, countCases, runScxmlCase, scxmlCases } from './scxml/cases.js'
import { unlikeScxml } from './scxml/unlike.js'

/** So many cases at once: enough to keep the database busy. */
const AT_ONCE = 8

const rows = chapters.flatMap(chapter => chapter.rows)
const cases = scxmlCases()
const findings = new Map<string, Finding>()
const results = new Map<string, CaseResult>()

let database: TestDatabase
let pool: pg.Pool
let postgres: ReturnType<typeof postgresBackend>

async function inParallel<T>(all: readonly T[], work: (one: T, i: number) => Promise<void>): Promise<void> {
  const waiting = [...all.entries()]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next[1], next[0])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.connectionString })
  postgres = postgresBackend({ connectionString: database.connectionString, pool })
  const backends = [memoryBackend(), postgres]
  await inParallel(rows, async (row, i) => {
    findings.set(row.feature, await judge(`row-${i}`, row, backends))
  })
  await inParallel(cases, async one => {
    results.set(one.name, await runScxmlCase(one, postgres))
  })
}, 300_000)

afterAll(async () => {
  await postgres.close()
  await pool.end()
  await database.drop()
})

describe('R10.8 each row of the compatibility table', () => {
  it.each(rows.map(row => [row.feature, row] as const))(
    'matches its documented verdict: %s',
    (feature, { verdict }) => {
      const finding = findings.get(feature)
      const breach = finding === undefined ? 'was not run' : breachOf(verdict, finding)
      if (pendingRows[feature] === undefined) expect(breach).toBeUndefined()
      else
        expect([feature, breach ?? 'is right now: take it off the list of pending rows']).toEqual([
          feature,
          expect.stringContaining('should be'),
        ])
    },
  )

  it('is listed once', () => {
    expect(findings.size).toBe(rows.length)
    expect(Object.keys(pendingRows).filter(feature => !findings.has(feature))).toEqual([])
  })
})

describe('R10.8 each SCXML case', () => {
  it.each(cases.map(({ name }) => name))(
    'passes, or is refused because of the features it uses: %s',
    name => {
      const result = results.get(name) ?? { kind: 'failed', how: 'was not run' }
      const found = 'how' in result && result.kind === 'failed' ? `failed: ${result.how}` : result.kind
      if (unlikeScxml[name] !== undefined) expect(found).toBe('unlike')
      else expect(['passed', 'refused']).toContain(found)
    },
  )

  it('has a name, and so has each case of the lists', () => {
    const listed = Object.keys(unlikeScxml)
    expect(listed.filter(name => !results.has(name))).toEqual([])
  })
})

describe('R10.8 docs/COMPATIBILITY.md', () => {
  it('contains the current results (`npm run documents` writes it)', async () => {
    const found = chapters.map(({ title, rows: own }) => ({
      title,
      rows: own.map(({ feature }) => ({
        feature,
        finding: findings.get(feature) ?? { kind: 'differs' as const, how: 'was not run' },
      })),
    }))
    const path = new URL('../../docs/COMPATIBILITY.md', import.meta.url)
    expect(await readFile(path, 'utf8')).toBe(compatibilityDocument(found, countCases(results)))
  })
})
