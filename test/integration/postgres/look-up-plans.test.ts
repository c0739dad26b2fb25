/* Look-ups by key are planned once for a connection, whatever the tables held then: none may read a table through. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type pg from 'pg'
import { createLookupPool } from '../../../src/adapters/postgres/connection/query-pool.js'
import { createFleetStore } from '../../../src/adapters/postgres/product/fleet-store.js'
import { createReadStore } from '../../../src/adapters/postgres/product/read-store.js'
import { createRecipientStore } from '../../../src/adapters/postgres/product/recipient-store.js'
import { readThrough, recordStatements } from '../../support/database/plans.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'

const ID = '00000000-0000-4000-8000-000000000001'
const ROWS = 5_000

let database: TestDatabase
let lookups: pg.Pool

beforeAll(async () => {
  database = await createTestDatabase()
  lookups = createLookupPool(database.connectionString, {
    warn: (fields, message) => expect([fields, message]).toBeUndefined(),
  })
})
afterAll(async () => {
  await lookups.end()
  await database.drop()
})

/** Each look-up once, found out of what is really sent. */
async function lookUpAll(): Promise<Map<string, string>> {
  const { statements, stop } = recordStatements()
  try {
    const recipients = createRecipientStore(lookups)
    await createReadStore(lookups).findBroadcast(ID, { id: 'c', role: 'customer' })
    await createFleetStore(lookups).seePerson({ role: 'customer', id: 'u' })
    await createFleetStore(lookups).acceptFacts(ID, 't', 'd', 'v')
    await recipients.offer([{ broadcastId: ID, transporterId: 't', step: '1' }])
    await recipients.offered(ID)
    await recipients.haveAllDeclined(ID)
  } finally {
    stop()
  }
  return statements
}

describe('a look-up by key', () => {
  it('is planned once, however often it is sent', async () => {
    for (let i = 0; i < 8; i++) await lookUpAll()
    const client = await lookups.connect()
    const { rows } = await client.query(
      'select name from pg_prepared_statements where custom_plans > 0 or generic_plans = 0',
    )
    client.release()
    expect(rows).toEqual([])
  })

  it.each([
    ['empty', 'select 1'],
    ['empty, and counted', 'analyze'],
    [
      'full, and counted',
      `insert into people (role, id, active)
         select 'transporter', 'user ' || n, n % 10 > 0 from generate_series(1, ${ROWS}) n;
       insert into recipients (broadcast_id, transporter_id, step, offered_at)
         select gen_random_uuid(), 'user ' || n, '1', now() from generate_series(1, ${ROWS}) n;
       analyze`,
    ],
  ])('reads no whole table and no whole index when they are %s', async (_when, prepare) => {
    await lookups.query(prepare)
    const statements = await lookUpAll()
    expect([...statements.keys()].sort()).toEqual([
      'accept_facts',
      'find_broadcasts',
      'have_all_declined',
      'offer',
      'offered',
      'see_people',
    ])
    const client = await lookups.connect()
    for (const [name, text] of statements) {
      expect([name, await readThrough(client, text)]).toEqual([name, []])
    }
    client.release()
  })
})
