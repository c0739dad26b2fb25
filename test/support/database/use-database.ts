import { afterAll } from '@jest/globals'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from './postgres.js'

export interface UsedDatabase extends TestDatabase {
  /** Queries the database directly, to see what is really stored. */
  readonly sql: pg.Pool
  /** Has `opened` closed before the database is dropped, the last one first. */
  closing<T extends { close(): unknown }>(opened: T): T
}

/**
 * A database for the tests of this file or `describe`, which is dropped after the last of them:
 *
 *   const { connectionString, sql } = await useDatabase()
 *
 * With one connection, `sql` keeps its session. An empty database does not have our tables.
 */
export async function useDatabase({ connections = 2, empty = false } = {}): Promise<UsedDatabase> {
  const database = await createTestDatabase({ empty })
  const sql = new pg.Pool({ connectionString: database.connectionString, max: connections })
  const opened: { close(): unknown }[] = []
  afterAll(async () => {
    for (const one of opened.reverse()) await one.close()
    await sql.end()
    await database.drop()
  })
  return {
    ...database,
    sql,
    closing(one) {
      opened.push(one)
      return one
    },
  }
}
