/* Processes on their own database in the run's Postgres, for faults that do not affect the server itself. */
import pg from 'pg'
import { createTestDatabase } from '../database/postgres.js'
import type { World } from './calm.js'
import { startWeatherProcesses } from './processes.js'

export async function startWorld(
  processes: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<World & { close(): Promise<void> }> {
  const database = await createTestDatabase()
  const { connectionString } = database
  const pool = new pg.Pool({ connectionString, max: 2, application_name: 'weather' })
  pool.on('error', () => {})
  const started = await startWeatherProcesses(processes, connectionString, settings)
  return {
    processes: started,
    connectionString,
    query: async (sql, values = []) => (await pool.query(sql, values)).rows,
    async close() {
      await started.kill()
      await pool.end()
      await database.drop()
    },
  }
}
