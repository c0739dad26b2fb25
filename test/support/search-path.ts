import pg from 'pg'

/**
 * Only the schema `public` is searched by new sessions. Otherwise a user called loadcast would find the engine's tables by
 * their bare names, where others find the views that are there for the previous release.
 */
export async function usePublicOnly(connectionString: string): Promise<void> {
  const client = new pg.Client(connectionString)
  await client.connect()
  await client.query(`alter database ${new URL(connectionString).pathname.slice(1)} set search_path = public`)
  await client.end()
}
