/* What comes beside an event: an id, an actor and a key that the database would refuse are refused by name before. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { InvalidEventError, UnknownInstanceError } from '../../../src/runtime/errors.js'
import type { Store } from '../../../src/runtime/ports.js'
import { createEngine, type Engine } from '../../../src/runtime/public-engine.js'
import { createMemoryStore } from '../../../src/testing/index.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { doorDefinition } from '../../support/machines/door.js'

const actor = { id: 'tester', role: 'admin' }
const open = { type: 'open', who: 'bob' }
const itself: Record<string, unknown> = { id: 'tester', role: 'admin' }
itself.reason = itself

let database: TestDatabase
const stores: Store[] = []
const engines: Record<string, Engine> = {}
beforeAll(async () => {
  database = await createTestDatabase()
  const definitions = [doorDefinition] as unknown as Definition[]
  const postgres = createPostgresStore({ connectionString: database.connectionString })
  stores.push(postgres, createMemoryStore())
  for (const [i, store] of stores.entries()) {
    engines[i === 0 ? 'Postgres' : 'memory'] = createEngine({ store, definitions })
  }
})
afterAll(async () => {
  await Promise.all(Object.values(engines).map(engine => engine.close()))
  await Promise.all(stores.map(store => store.close()))
  await database.drop()
})

describe.each(['Postgres', 'memory'])('on %s', where => {
  async function newDoor(): Promise<[Engine, string]> {
    const engine = engines[where]
    const created = await engine?.create('door', { owner: 'ann', closeMs: 60_000 }, { actor })
    if (engine === undefined || created?.kind !== 'created') throw new Error('expected a new door')
    return [engine, created.id]
  }

  it.each(['nope', '', '0198a1b2-c3d4-7e5f-8a6b', "' or true --", undefined, 7])(
    'R10.8 there is no instance of the id %j',
    async given => {
      const [engine] = await newDoor()
      const id = given as string
      await expect(engine.send(id, open, { actor })).rejects.toThrow(UnknownInstanceError)
      expect(await engine.get(id)).toBeUndefined()
      expect(await engine.history(id)).toEqual([])
    },
  )

  it.each([
    [undefined, /^actor: expected an object \{ id, role \}, got undefined$/],
    ['ann', /^actor: expected an object/],
    [{ role: 'admin' }, /^actor\.id: expected a string; got undefined$/],
    [{ id: 7, role: 'admin' }, /^actor\.id: expected a string; got 7$/],
    [{ id: 'ann' }, /^actor\.role: expected a string/],
    [{ id: 'ann\0', role: 'admin' }, /^actor\.id: expected well-formed Unicode without NUL/],
    [{ id: 'ann', role: '\uD800' }, /^actor\.role: expected well-formed/],
    [{ id: 'a'.repeat(501), role: 'admin' }, /^actor\.id: expected 500 characters at most/],
    [{ ...actor, reason: 'x\0' }, /^actor\.reason: expected well-formed/],
    [{ ...actor, reason: 5 }, /^actor\.reason: expected a string, got 5/],
    [{ ...actor, when: new Date(0) }, /^actor\.when: expected a string, got an object/],
    [itself, /^actor\.reason: expected a string, got an object/],
  ])('R10.8 refuses an actor that cannot be stored in the journal (%#)', async (given, message) => {
    const [engine, id] = await newDoor()
    const options = { actor: given as typeof actor }
    for (const more of [{}, { key: 'k' }]) {
      const sent = engine.send(id, open, { ...options, ...more })
      await expect(sent).rejects.toThrow(InvalidEventError)
      await expect(sent).rejects.toThrow(message)
      await expect(
        engine.create('door', { owner: 'ann', closeMs: 1 }, { ...options, ...more }),
      ).rejects.toThrow(message)
    }
    expect((await engine.get(id))?.version).toBe(1)
  })

  it.each([
    ['', /^key: expected a string, got ""/],
    [7, /^key: expected a string, got 7/],
    ['k\0', /^key: expected well-formed Unicode without NUL/],
    ['k'.repeat(256), /^key: expected 255 characters at most, got 256/],
  ])('R10.8 refuses a key that cannot be stored (%#)', async (given, message) => {
    const [engine, id] = await newDoor()
    const options = { actor, key: given as string }
    await expect(engine.send(id, open, options)).rejects.toThrow(message)
    await expect(engine.create('door', { owner: 'ann', closeMs: 1 }, options)).rejects.toThrow(message)
  })

  it('R10.8 keeps the longest key, with any characters', async () => {
    const [engine, id] = await newDoor()
    const options = { actor: { id: '€'.repeat(500), role: 'admin' }, key: '€'.repeat(255) }
    expect(await engine.send(id, open, options)).toMatchObject({ kind: 'applied', version: 2 })
    expect(await engine.send(id, open, options)).toMatchObject({
      kind: 'applied',
      version: 2,
      replayed: true,
    })
  })

  it.each([
    [undefined, /expected an object with a "type", got undefined/],
    [{ type: 'open', who: 7n }, /who: .*expected string, received bigint/],
    [{ ...itself, type: 'open', who: 'bob' }, /expected JSON: it is nested too deeply, or contains itself/],
  ])('R10.8 names the fault of an event also if a key comes with it (%#)', async (event, message) => {
    const [engine, id] = await newDoor()
    await expect(engine.send(id, event as unknown as typeof open, { actor, key: 'k' })).rejects.toThrow(
      message,
    )
  })
})
