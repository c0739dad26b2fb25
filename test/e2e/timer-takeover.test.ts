/* One process leases timers and is killed with -9; another takes them over, in the order in which they were armed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import pg from 'pg'
import { createPostgresStore } from '../../src/adapters/postgres/engine/store.js'
import { createEngine } from '../../src/runtime/engine.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { violationsOf } from '../support/database/violations.js'
import { armAll, rungAfter, standingClock } from '../support/engine/chimes.js'
import { repositoryRoot } from '../support/house/import-rules.js'
import { chimeDefinition } from '../support/machines/chime.js'

const definitions = [chimeDefinition]

let database: TestDatabase
let sql: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  sql = new pg.Pool({ connectionString: database.connectionString, max: 1 })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

it('R5.2 timers of a killed process fire before those that were armed after them for the same millisecond', async () => {
  const { connectionString } = database
  const args = ['--import', 'tsx', 'test/support/engine/chime-victim.ts', connectionString]
  const victim = spawn(process.execPath, args, {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const died = once(victim, 'close')
  const [line] = await once(createInterface({ input: victim.stdout }), 'line')
  const { id, base, delayMs } = JSON.parse(line) as { id: string; base: number; delayMs: number }

  // Armed a little later, by another process, for the very same time.
  const store = createPostgresStore({ connectionString })
  const clock = standingClock(base)
  const arming = createEngine({ store, clock, definitions })
  const bells = ['E', 'F'].map(name => ({ name, delayMs: delayMs - 10 }))
  expect((await died)[1]).toBe('SIGKILL')
  await armAll(arming, clock, base, id, [{ atMs: 10, bells }])
  // The killed one holds the leases of its own, and they do not run out.
  const { rowCount } = await sql.query(
    `update timers set leased_until = now() + interval '1 hour' where leased_until is not null`,
  )
  expect(rowCount).toBe(4)

  const heir = createEngine({ store, definitions })
  await heir.start()
  expect(await rungAfter(heir, id, 6)).toEqual(['A', 'B', 'C', 'D', 'E', 'F'])
  expect(await violationsOf(sql, definitions)).toEqual([])
  await heir.close()
  await arming.close()
  await store.close()
})
