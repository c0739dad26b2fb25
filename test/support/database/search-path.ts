import pg from 'pg'

/**
 * New sessions search only the schema `public`. Otherwise a user called loadcast would find the engine's tables by their
 * bare names, where other users find the views for the previous release.
 */
export async function usePublicOnly(connectionString: string): Promise<void> {
  const client = new pg.Client(connectionString)
  await client.connect()
  await client.query(`alter database ${new URL(connectionString).pathname.slice(1)} set search_path = public`)
  await client.end()
}
