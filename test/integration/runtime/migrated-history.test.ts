/* History through a migration, a restart and a replay, on Postgres and in memory. */
import { describe, expect, it } from '@jest/globals'
import pg from 'pg'
import type { Definition } from '../../../src/runtime/definition.js'
import { createMemoryStore, MemoryDatabase } from '../../../src/testing/index.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, until } from '../../support/engine/engine.js'
import { playerConfig, playerDefinition, playerV2 } from '../../support/machines/player.js'

const actor = { id: 'tester', role: 'admin' }
const v2 = playerV2({ ...playerConfig(), id: 'disc.player' }, stored => stored)
const PLAYING = { on: { playing: { track: 'second', lamp: 'lit' } } }

const { connectionString } = await useDatabase()
const memory = new MemoryDatabase()

/** What one process does, from its start to its end. */
async function inProcess<T>(
  where: string,
  definition: Definition,
  work: (engine: ReturnType<typeof openEngine>['engine']) => Promise<T>,
): Promise<T> {
  const store = where === 'memory' ? { store: createMemoryStore({ database: memory }) } : {}
  const one = openEngine(connectionString, { definitions: [definition], ...store })
  try {
    await one.engine.start()
    return await work(one.engine)
  } finally {
    await one.close()
  }
}

describe.each(['memory', 'Postgres'])('on %s', where => {
  it('R10.8 an instance returns to an earlier state, by another version and after restarts', async () => {
    const id = await inProcess(where, playerDefinition(1), async engine => {
      const created = await engine.create('player', {}, { actor })
      if (created.kind !== 'created') throw new Error('expected a player')
      for (const type of ['PLAY', 'NEXT', 'LIGHT', 'PAUSE'])
        await engine.send(created.instance.id, { type }, { actor })
      return created.instance.id
    })
    await inProcess(where, v2, async engine => {
      await until(() => engine.membership().writing.player === 2)
      // The first event migrates it, and changes something that history has nothing to do with.
      await engine.send(id, { type: 'STOP' }, { actor })
    })
    await inProcess(where, v2, async engine => {
      const outcome = await engine.send(id, { type: 'BACK' }, { actor })
      expect(outcome).toMatchObject({ kind: 'applied' })
      expect(outcome.instance.snapshot.value).toEqual(PLAYING)
      expect((await engine.history(id)).map(({ event }) => event.type)).toContain('xstate.migrate')
      expect((await engine.at(id, outcome.version))?.snapshot.value).toEqual(PLAYING)
    })
  })
})

it('R1.5 the journal of a migrated instance gives its stored history', async () => {
  const sql = new pg.Pool({ connectionString, max: 1 })
  expect(await violationsOf(sql, [v2])).toEqual([])
  await sql.end()
})
