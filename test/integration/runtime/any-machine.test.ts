/* Machines that freight does not need, on both stores, with an engine that knows nothing between two events. */
import { describe, expect, it } from '@jest/globals'
import { type AnyStateMachine, assign, createMachine, raise } from 'xstate'
import { z } from 'zod'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import type { Store } from '../../../src/runtime/ports.js'
import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { actor, wordOf } from '../../support/machines/doors.js'

const { connectionString, sql } = await useDatabase()

const LONG_MS = 3_600_000

/** Reaches its end with two timers armed: one of a state that it does not leave, and a raise that nothing cancels. */
const ending = createMachine({
  id: 'ending',
  context: { count: 0, list: [1] },
  type: 'parallel',
  states: {
    clock: { after: { [LONG_MS]: {} }, type: 'parallel', states: {} },
    work: {
      initial: 'open',
      states: { open: { on: { END: 'closed' } }, closed: { type: 'final' } },
    },
  },
  onDone: {},
  entry: raise({ type: 'LATER' }, { delay: LONG_MS }),
  on: {
    LATER: { actions: assign({ count: -1 }) },
    ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) },
    SPOIL: { actions: assign({ at: () => new Date() }) },
    SPIN: { actions: raise({ type: 'SPIN' }) },
    PUSH: {
      actions: assign(({ context }) => {
        context.list.push(2)
        return {}
      }),
    },
  },
} as never)

function define(machine: AnyStateMachine): Definition {
  const anything = z.looseObject({})
  return {
    name: machine.id,
    version: 1,
    machine,
    input: anything.optional(),
    commands: Object.fromEntries(
      machine.events
        .filter(type => !type.startsWith('xstate.'))
        .map(type => [type, z.looseObject({ type: z.literal(type) })]),
    ),
    status: snapshot => snapshot.status,
    owner: () => 'ann',
    claims: () => [],
    refuse: () => undefined,
    refusePermanently: () => undefined,
    refuseClaim: () => ({ reason: 'CLAIMED' }),
    urgent: [],
    projections: [],
  }
}

describe.each(['memory', 'postgres'])('R10.8 on the store %s', kind => {
  const definitions = [define(ending)]
  const memory = new MemoryDatabase(() => Date.now())
  const openStore = (): Store =>
    kind === 'memory' ? createMemoryStore({ database: memory }) : createPostgresStore({ connectionString })

  async function once<T>(work: (engine: ReturnType<typeof createEngine>) => Promise<T>): Promise<T> {
    const store = openStore()
    const engine = createEngine({ store, definitions })
    try {
      return await work(engine)
    } finally {
      await engine.close()
      await store.close()
    }
  }
  const create = () =>
    once(async engine => {
      const created = await engine.create('ending', undefined, { actor })
      if (created.kind !== 'created') throw new Error('expected an instance')
      return created.instance.id
    })
  const send = (id: string, type: string) =>
    once(engine => engine.send(id, { type }, { actor }).then(wordOf, error => error.message as string))
  const timersOf = async (id: string) => {
    const store = openStore()
    const [found] = await store.timersOf([id], [{ machine: 'ending', version: 1 }])
    await store.close()
    return found?.timers.length
  }
  const read = (id: string) => once(engine => engine.get(id))

  it('an instance that has reached its end accepts no events, and has no timers', async () => {
    const id = await create()
    expect(await timersOf(id)).toBe(2)
    expect(await send(id, 'ADD')).toBe('applied')
    expect(await send(id, 'END')).toBe('applied')
    expect(await send(id, 'ADD')).toBe('unchanged')
    expect(await read(id)).toMatchObject({ version: 3, status: 'done', snapshot: { context: { count: 1 } } })
    if (kind === 'postgres') {
      expect((await sql.query('select from timers where instance = $1', [id])).rowCount).toBe(0)
    } else {
      expect([...memory.tables.timers.values()].filter(({ timer }) => timer.instance === id)).toEqual([])
    }
  })

  it('an event in the same burst after the end finds it ended', async () => {
    const id = await create()
    const words = await once(engine =>
      Promise.all(['ADD', 'END', 'ADD'].map(type => engine.send(id, { type }, { actor }).then(wordOf))),
    )
    expect(words).toEqual(['applied', 'applied', 'unchanged'])
  })

  it.each([
    ['SPOIL', /^Machine "ending" on "SPOIL": context\.at is a Date: store a number or an ISO string$/],
    ['SPIN', /^Machine "ending" on "SPIN": no stable state after 1000 microsteps/],
    ['PUSH', /^Machine "ending" on "PUSH": the context or the event is changed in place/],
  ])('%s fails alone, also among others, and the instance continues', async (type, message) => {
    const id = await create()
    expect(await send(id, type)).toMatch(message)
    const answers = await once(engine =>
      Promise.all(
        ['ADD', type, 'ADD'].map(one =>
          engine.send(id, { type: one }, { actor }).then(wordOf, error => error.message as string),
        ),
      ),
    )
    expect(answers).toEqual(['applied', expect.stringMatching(message), 'applied'])
    expect(await read(id)).toMatchObject({ version: 3, snapshot: { context: { count: 2, list: [1] } } })
  })

  it.each(['text', ['a', 'list'], 7])('an input that is not an object (%p) is refused', async input => {
    const refused = once(engine => engine.create('ending', input, { actor }))
    await expect(refused).rejects.toMatchObject({
      name: 'InvalidEventError',
      issues: [{ path: '', message: expect.stringMatching(/xpected.* object/) }],
    })
  })

  it('a command with a value that cannot be stored is refused with its path', async () => {
    const id = await create()
    const refused = once(engine => engine.send(id, { type: 'ADD', at2: [{ on: new Date() }] }, { actor }))
    await expect(refused).rejects.toMatchObject({
      issues: [{ path: 'at2[0].on', message: 'is a Date: store a number or an ISO string' }],
    })
  })

  it('the audit finds no violation', async () => {
    if (kind === 'postgres') expect(await violationsOf(sql, definitions)).toEqual([])
  })
})
