import pg from 'pg'

export type Query = <T extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<T[]>

/** Each statement on a connection of its own, which no weather has touched before. */
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
