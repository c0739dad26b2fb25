import { beforeEach, describe, expect, it } from '@jest/globals'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { audit } from '../../../src/runtime/audit.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openEngine, testDefinitions } from '../../support/engine/engine.js'

const actor = { id: 'tester', role: 'admin' }

const { connectionString, sql, closing } = await useDatabase()
const opened = closing(openEngine(connectionString))
let id: string

beforeEach(async () => {
  await sql.query('truncate instances, journal, events, outbox, timers, claims')
  const created = await opened.engine.create('door', { owner: 'ann', closeMs: 3_600_000 }, { actor })
  if (created.kind !== 'created') throw new Error('expected a door')
  id = created.instance.id
  await opened.engine.send(id, { type: 'open', who: 'bob' }, { actor })
  await opened.engine.send(id, { type: 'take.key', who: 'bob' }, { actor })
})

async function violations(): Promise<string[]> {
  const found: string[] = []
  for await (const v of audit(createAuditStore(sql), testDefinitions))
    found.push(`${v.invariant} ${v.message}`)
  return found
}

describe('the audit of a database', () => {
  it('finds no violation where only the engine has written, and reports its progress', async () => {
    const progress: number[] = []
    for await (const v of audit(
      createAuditStore(sql),
      testDefinitions,
      () => [],
      done => progress.push(done),
    )) {
      throw new Error(v.message)
    }
    expect(progress.at(-1)).toBe(1)
  })

  it.each([
    [
      'a journal row that is missing',
      'delete from journal where version = 2',
      /^1 version 3, but the journal/,
    ],
    ['a version that moved without a journal row', 'update instances set version = 4', /^1 version 4/],
    [
      'a snapshot that somebody changed',
      `update instances set snapshot_json = jsonb_set(snapshot_json::jsonb, '{context,keyHolder}', '"eve"')::json`,
      /^2 the stored snapshot is not what the journal gives: they differ in context/,
    ],
    [
      'a journaled event that the machine would not take',
      `update journal set event_json = (event_json::jsonb || '{"type":"close"}')::json where version = 3`,
      /^2 /,
    ],
    ['a claim that is gone', 'delete from claims', /^4 claims: missing key:bob/],
    [
      'a claim too many',
      `insert into claims select 'key:eve', id from instances`,
      /^4 .*not the snapshot's key:eve/,
    ],
    ['a timer that is lost', 'delete from timers', /^5 timers: missing xstate\.after\.closing/],
    [
      'a timer of another generation',
      'update timers set generation = 1',
      /^5 timers: missing .* generation 2/,
    ],
    ['an event that is lost', 'delete from events where version = 2', /^7 events: missing .*door\.opened/],
    [
      'an event that says something else',
      `update events set payload_json = '{"who":"eve"}' where version = 2`,
      /^7 events: missing .*bob.*, not emitted by the machine .*eve/,
    ],
    [
      'a claim of nobody',
      `insert into claims values ('key:ghost', '019a0000-0000-7000-8000-000000000000')`,
      /^7 claim key:ghost .* does not exist/,
    ],
    [
      'a delivery that everyone has forgotten',
      `insert into outbox (instance, version, index, subscriber, due_at)
       select id, 1, 0, 'nobody', now() - interval '1 hour' from instances`,
      /^7 event .* still undelivered to nobody/,
    ],
  ])('names %s', async (_what, damage, message) => {
    await sql.query(damage)
    const found = await violations()
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(message)
  })
})
