/*
 * A process that holds an embedded Postgres, for tests that kill it: `embedded-holder.ts <dataDir>`.
 * It prints one line of JSON: {connectionString, dataDir} or {error}. It stops its Postgres when its input ends.
 * On SIGINT it first commits a row, as a draining server does.
 */
import pg from 'pg'
import { startEmbeddedPostgres } from '../../../src/adapters/postgres/embedded/index.js'
import { NO_FSYNC } from '../database/no-fsync.js'
import { silentLog } from '../engine/log.js'

const [dataDir = ''] = process.argv.slice(2)
try {
  const { stop, ...rest } = await startEmbeddedPostgres({ dataDir, log: silentLog, settings: NO_FSYNC })
  process.stdin.on('end', () => stop()).resume()
  process.on('SIGINT', async () => {
    const client = new pg.Client(rest.connectionString)
    await client.connect()
    await client.query('create table drained ()')
    await client.end()
    await stop()
    process.exit()
  })
  process.stdout.write(`${JSON.stringify(rest)}\n`)
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`)
}
