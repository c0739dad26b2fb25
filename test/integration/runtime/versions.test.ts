/*
 * Two versions of a definition on one database: which process writes which version, when, and how older rows continue.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Definition } from '../../../src/runtime/definition.js'
import { createRegistry } from '../../../src/runtime/definitions/registry.js'
import { MIGRATE } from '../../../src/runtime/definitions/upgrade.js'
import { simulate } from '../../../src/testing/index.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, until } from '../../support/engine/engine.js'
import { doorDefinition } from '../../support/machines/door.js'
import { BELL_MS, doorV2Definition } from '../../support/machines/door-v2.js'
import { newDoor } from '../../support/machines/doors.js'
import { doorSubject } from '../../support/subjects/door.js'

const actor = { id: 'tester', role: 'admin' }
const v1 = [doorDefinition] as unknown as Definition[]
const v2 = [doorV2Definition] as unknown as Definition[]
/** A release that has dropped the old version. */
const onlyV2 = [{ ...doorV2Definition, migrations: [] }] as unknown as Definition[]

const { connectionString, sql } = await useDatabase({ connections: 1 })
const opened: ReturnType<typeof openEngine>[] = []
const open = (definitions: Definition[]) => {
  const one = openEngine(connectionString, { definitions })
  opened.push(one)
  return one.engine
}
beforeEach(() =>
  sql.query('truncate instances, journal, events, outbox, timers, claims, processes, definition_versions'),
)
afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
})

const storedVersion = async (id: string) =>
  (await sql.query('select definition_version from instances where id = $1', [id])).rows[0]
    ?.definition_version

describe('a rolling deploy', () => {
  it('R10.5 writes the new version only once every process knows it', async () => {
    const [before, after] = [open(v1), open(v2)]
    await before.start()
    const door = await newDoor(before)
    await after.start()

    // Both are there: both write the old version, the new process too, and each can go on with what the other did.
    expect(await after.send(door, { type: 'open', who: 'bob' }, { actor })).toMatchObject({ version: 2 })
    expect(await before.send(door, { type: 'close' }, { actor })).toMatchObject({ version: 3 })
    expect(await storedVersion(await newDoor(after))).toBe(1)
    expect(await storedVersion(door)).toBe(1)

    await opened.shift()?.close()
    await until(async () => (await storedVersion(await newDoor(after))) === 2, 20_000)
    // The old instance is migrated with the first event, as a transition of its own.
    const outcome = await after.send(door, { type: 'lock' }, { actor, ifVersion: 3 })
    expect(outcome).toMatchObject({ kind: 'applied', version: 5 })
    expect(outcome.instance.snapshot.value).toEqual({ leaf: { closed: 'locked' }, bell: 'silent' })
    expect((await after.history(door)).map(({ event }) => event.type)).toEqual([
      'xstate.init',
      'open',
      'close',
      'xstate.migrate',
      'lock',
    ])
    expect(await violationsOf(sql, v2)).toEqual([])
    expect((await after.at(door, 3))?.snapshot.value).toBe('closed')
    expect((await after.at(door, 4))?.snapshot.value).toEqual({
      leaf: { closed: 'unlocked' },
      bell: 'silent',
    })
  })

  it('R10.5 arms the timer of a new region, and it fires', async () => {
    const before = open(v1)
    const door = await newDoor(before)
    await opened.pop()?.close()
    const after = open(v2)
    await after.start()
    await after.send(door, { type: 'open', who: 'bob' }, { actor })
    const { rows } = await sql.query('select send_id from timers where instance = $1 order by 1', [door])
    expect(rows.map(row => row.send_id)).toEqual([
      'xstate.after.bell.door.bell.silent',
      'xstate.after.closing.door.leaf.open',
    ])
    await until(async () => (await after.get(door))?.snapshot.value.bell === 'rung', BELL_MS + 15_000)
    expect(await violationsOf(sql, v2)).toEqual([])
  })

  it('R10.5 refuses unknown versions with an error, and leaves their instances unchanged', async () => {
    const after = open(v2)
    await after.start()
    const door = await newDoor(after)
    await expect(open(v1).start()).rejects.toThrow(
      /Version 2 of "door" is in use; this process knows version 1 at most/,
    )
    const late = open(v1)
    await expect(late.send(door, { type: 'open', who: 'bob' }, { actor })).rejects.toThrow(
      /was written by version 2 of "door"; this process knows version 1/,
    )
    // Its bell may ring meanwhile, which is a transition of the living process.
    const { rows } = await sql.query("select event_json->>'type' as type from journal where instance = $1", [
      door,
    ])
    expect(rows).not.toContainEqual({ type: 'open' })
    expect(await after.get(door)).toMatchObject({ snapshot: { value: { leaf: { closed: 'unlocked' } } } })
  })

  it('R10.5 refuses a process that has dropped a version which another still needs', async () => {
    await open(v1).start()
    await expect(open(onlyV2).start()).rejects.toThrow(
      /still knows only version 1 of "door"; this one must know it too/,
    )
  })

  it('R10.5 keeps every promise in the simulator while processes of both versions start and end', async () => {
    let migrations = 0
    // Long enough for leases of dead processes to run out while callers continue.
    const moments = [5, 200, 15_500, 16_000]
    const campaign = await simulate(
      { ...doorSubject, moments, definition: doorV2Definition as unknown as Definition },
      {
        seed: Math.floor(Math.random() * 2 ** 31),
        runs: 60,
        schedules: { nodes: 1, steps: 60 },
        // Every process begins with the old release, and comes back with the new one.
        alterations: {
          store: store => ({
            ...store,
            commit(writes, leaseMs) {
              const journaled = writes.flatMap(({ journal }) => journal)
              migrations += journaled.filter(({ event }) => event.type === MIGRATE).length
              return store.commit(writes, leaseMs)
            },
          }),
          definition: (definition, { start }) =>
            start === 0 ? (doorDefinition as unknown as Definition) : definition,
        },
      },
    )
    expect(campaign.failure?.violations).toBeUndefined()
    expect(migrations).toBeGreaterThan(0)
  })
})

describe('definitions of several versions', () => {
  it('R10.5 are refused when they do not migrate to one another', () => {
    const another = { ...doorV2Definition, version: 1, migrations: doorV2Definition.migrations ?? [] }
    expect(() => createRegistry([another as unknown as Definition])).toThrow(
      /cannot be migrated to from version 1/,
    )
    expect(() => createRegistry([...v1, ...v2])).toThrow(/Two definitions are named "door"/)
    const registry = createRegistry(v2)
    expect(registry.get('door').definition.version).toBe(2)
    expect(registry.writing('door').definition.version).toBe(1)
    expect(() => registry.get('door').at(3)).toThrow(
      /Version 3 of "door" is not known here; this process knows version 2, 1/,
    )
  })
})
