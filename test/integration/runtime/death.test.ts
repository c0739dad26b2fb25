/* Real processes, killed at each fault point; another engine takes over; nothing acknowledged is lost. */
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { audit } from '../../../src/runtime/audit.js'
import { FAULT_POINTS, type FaultPoint } from '../../../src/runtime/faults.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { openEngine, recordingSubscriber, testDefinitions, until } from '../../support/engine/engine.js'
import { repositoryRoot } from '../../support/house/import-rules.js'

interface Report {
  readonly signal: string | null
  readonly acknowledged: { acknowledged: string; instance: string; version: number }[]
  readonly delivered: string[]
}

interface Aftermath {
  readonly report: Report
  readonly violations: string[]
  readonly lost: string[]
  readonly undelivered: string[]
  readonly openDoors: number
  readonly transitions: number
}

/** Which hit is fatal: late enough that there is work behind it and work under way. */
const FATAL_HIT: Partial<Record<FaultPoint, number>> = {
  'timers.leased': 4,
  'outbox.leased': 1,
  'read.before': 1,
  'read.after': 1,
}
const USUAL_HIT = 7

const aftermaths = new Map<FaultPoint, Aftermath>()
const databases: { drop(): Promise<void> }[] = []

function runVictim(connectionString: string, point: FaultPoint): Promise<Report> {
  const hit = FATAL_HIT[point] ?? USUAL_HIT
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/support/engine/victim.ts', connectionString, point, String(hit)],
    { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  return new Promise(resolve => {
    child.on('close', (_code, signal) => {
      const lines = output
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line))
      resolve({
        signal,
        acknowledged: lines.filter(l => l.acknowledged !== undefined),
        delivered: lines.filter(l => l.delivered !== undefined).map(l => l.delivered),
      })
    })
  })
}

async function liveThrough(point: FaultPoint): Promise<Aftermath> {
  const database = await createTestDatabase()
  databases.push(database)
  const sql = new pg.Pool({ connectionString: database.connectionString, max: 2 })
  if (point === 'outbox.leased') await leaveAbandonedDelivery(database.connectionString, sql)
  const report = await runVictim(database.connectionString, point)
  const recorder = recordingSubscriber()
  const heir = openEngine(database.connectionString, { subscribers: [recorder] })
  await heir.engine.start()
  const count = async (text: string) =>
    Number((await sql.query(`select count(*) as n from ${text}`)).rows[0].n)
  await until(async () => (await count('outbox')) === 0 && (await count('timers')) === 0, 25_000)
  const violations: string[] = []
  for await (const v of audit(createAuditStore(sql), testDefinitions)) violations.push(v.message)
  const journal = new Set((await sql.query('select uid from journal')).rows.map(row => row.uid))
  const told = new Set([
    ...report.delivered,
    ...recorder.events.map(e => `${e.instance} ${e.version} ${e.index}`),
  ])
  const emitted = await sql.query("select instance || ' ' || version || ' ' || index as name from events")
  const aftermath = {
    report,
    violations,
    lost: report.acknowledged.map(a => a.acknowledged).filter(uid => !journal.has(uid)),
    undelivered: emitted.rows.map(row => row.name).filter(name => !told.has(name)),
    openDoors: await count("instances where status = 'open'"),
    transitions: journal.size,
  }
  await heir.close()
  await sql.end()
  return aftermath
}

/** The sweeper has work only after another process died. */
async function leaveAbandonedDelivery(connectionString: string, sql: pg.Pool): Promise<void> {
  const stuck = { name: 'recorder', wants: () => true, handle: () => new Promise<void>(() => {}) }
  const dying = openEngine(connectionString, { subscribers: [stuck] })
  await dying.engine.create('door', { owner: 'ann', closeMs: 1 }, { actor: { id: 'x', role: 'y' } })
  await sql.query('update outbox set due_at = now()')
  await dying.store.close()
}

beforeAll(async () => {
  await Promise.all(
    FAULT_POINTS.map(async point => {
      aftermaths.set(point, await liveThrough(point))
    }),
  )
})
afterAll(async () => {
  await Promise.all(databases.map(database => database.drop()))
})

const of = (point: FaultPoint) => {
  const aftermath = aftermaths.get(point)
  if (aftermath === undefined) throw new Error(`nothing is known of ${point}`)
  return aftermath
}

describe.each(FAULT_POINTS.map(point => [point]))('a process killed at %s', point => {
  it('died there, with work done', () => {
    expect(of(point).report.signal).toBe('SIGKILL')
    expect(of(point).transitions).toBeGreaterThan(0)
  })
  it('loses no acknowledged transition', () => {
    expect(of(point).lost).toEqual([])
  })
  it('leaves a database in which every invariant holds when another process runs', () => {
    expect(of(point).violations).toEqual([])
  })
  it('leaves no timer behind: some process closed every door', () => {
    expect(of(point).openDoors).toBe(0)
  })
  it('leaves no event undelivered', () => {
    expect(of(point).undelivered).toEqual([])
  })
})
