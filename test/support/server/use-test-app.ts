import type pg from 'pg'
import { useDatabase } from '../database/use-database.js'
import { startTestApp, type TestApp, type TestAppOptions } from './server.js'

type Options = Omit<TestAppOptions, 'database'>

export interface UsedTestApp extends TestApp {
  /** Connections to its database. */
  readonly sql: pg.Pool
  /** Starts another server on the same database, as in another process. Both are closed after the last test. */
  beside(options?: Options): Promise<TestApp>
}

/**
 * The whole server on a database of its own for the tests of this file. It is closed after the last of them:
 *
 *   const app = await useTestApp()
 */
export async function useTestApp(options: Options = {}): Promise<UsedTestApp> {
  const database = await useDatabase()
  const beside = async (its: Options = {}) => database.closing(await startTestApp({ ...its, database }))
  return { ...(await beside(options)), sql: database.sql, beside }
}
