import { expect, test } from '@jest/globals'
import { createTestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { createClient } from '../../support/server/clients.js'
import { asking } from '../../support/server/fleet.js'
import { processEnvironment } from '../../support/server/server.js'
import { startServerProcess } from '../../support/server/server-process.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { isAlive } from '../../support/weather/processes.js'
import { runOnce } from '../../support/weather/run-once.js'

/*
 * A process is stopped until the others consider it dead. Meanwhile a release starts to write a version of the machine that
 * the process does not know. The rows of such a release are written here by hand.
 */

/** When it resumes, it first renews its lease, then every 5 s. An orderly end takes some seconds. */
const ENDS_WITHIN_MS = 25_000

const cleanUp = useCleanups()

test('R13.3 a process that was paused while a newer version came into use fires no timer and ends itself', async () => {
  const database = await createTestDatabase()
  cleanUp(database.drop)
  const sql = runOnce(database.connectionString)
  const server = await startServerProcess({
    ...processEnvironment,
    // No timer is due before the process is stopped.
    BROADCAST_TIMEOUT_SECONDS: '600',
    REACH_STEP_SECONDS: '600',
    DATABASE_URL: database.connectionString,
  })
  cleanUp(() => server.end('SIGKILL'))
  const customer = await createClient(server.url, 'customer', 'outdated')
  const { body: request } = await customer.post('/api/v1/broadcasts', asking(1))

  process.kill(server.pid, 'SIGSTOP')
  await sql('delete from processes')
  const [row] = await sql<{ version: number }>(
    "select version from definition_versions where machine = 'broadcast'",
  )
  const newer = (row?.version ?? 0) + 1
  await sql("update definition_versions set version = $1 where machine = 'broadcast'", [newer])
  // A timer of the newer version, due now. A process that leased it without knowing the version would block the others.
  await sql('update instances set definition_version = $1', [newer])
  await sql("update timers set due_at = now() - interval '1 second', leased_until = null")
  process.kill(server.pid, 'SIGCONT')

  await until(() => !isAlive(server.pid), ENDS_WITHIN_MS)
  expect(await sql('select send_id from timers where leased_until is not null')).toEqual([])
  expect(await sql('select id, version from instances')).toEqual([{ id: request.id, version: 1 }])
  const lastLine = server.output().trim().split('\n').at(-1)
  expect(lastLine).toMatch(new RegExp(`version ${newer} of .*broadcast`, 'i'))
})
