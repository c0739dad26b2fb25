import pg from 'pg'

export type Query = <T extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<T[]>

/** Runs each statement on a new connection, which no earlier fault has affected. */
export function runOnce(connectionString: string): Query {
  return async (sql, values = []) => {
    const client = new pg.Client({ connectionString, application_name: 'weather' })
    client.on('error', () => {}) // The query fails with the same error.
    await client.connect()
    try {
      return (await client.query(sql, values)).rows
    } finally {
      await client.end().catch(() => {})
    }
  }
}
