import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { BoundedPool } from '../../../src/adapters/postgres/connection/bounded-pool.js'
import { createDatabase } from '../../../src/adapters/postgres/connection/database.js'
import { query } from '../../../src/adapters/postgres/connection/query.js'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'

const MAX_WAITING = 20

let database: TestDatabase
let pool: BoundedPool

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createDatabase(database.connectionString).openPool({ max: 1, maxWaiting: MAX_WAITING })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

test('R9.4 with all connections in use a bounded number of callers waits, further ones are refused at once, and the waiting ones are served', async () => {
  const taken = await pool.connect()
  const ask = () => query<{ one: number }>(pool, 'select 1 as one', [])
  const waiting = Array.from({ length: MAX_WAITING }, ask)
  const refused = await Promise.allSettled(Array.from({ length: 1_000 }, ask))
  expect(refused.filter(({ status }) => status === 'fulfilled')).toEqual([])
  expect((refused[0] as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailableError)
  await expect(pool.connect()).rejects.toMatchObject({
    cause: { message: expect.stringMatching('Too many callers wait') },
  })
  expect(pool.waitingCount).toBe(MAX_WAITING)
  taken.release()
  expect(await Promise.all(waiting)).toEqual(Array(MAX_WAITING).fill([{ one: 1 }]))
  expect(await ask()).toEqual([{ one: 1 }])
})
