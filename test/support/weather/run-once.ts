import pg from 'pg'

export type Query = <T extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<T[]>

/** Runs each statement on a new connection, which no earlier fault has affected. */
export function runOnce(connectionString: string): Query {
  return async (sql, values = []) => {
    const client = new pg.Client({ connectionString, application_name: 'weather' })
    client.on('error', () => {}) // the query says it too
    await client.connect()
    try {
      return (await client.query(sql, values)).rows
    } finally {
      await client.end().catch(() => {})
    }
  }
}
