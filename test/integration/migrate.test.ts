import { expect, test } from '@jest/globals'
import pg from 'pg'
import { createTestDatabase } from '../support/postgres.js'

test('a test database is migrated', async () => {
  const database = await createTestDatabase()
  const client = new pg.Client(database.connectionString)
  await client.connect()
  expect((await client.query('select count(*)::int from instances')).rows).toEqual([{ count: 0 }])
  await client.end()
  await database.drop()
})
