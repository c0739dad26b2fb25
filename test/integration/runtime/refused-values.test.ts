/*
 * What a definition or its machine gives that cannot be stored: that event fails with the path and what was expected, and
 * the instance lives. The same on Postgres and in memory.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { assign, cancel, emit, raise, setup } from 'xstate'
import { z } from 'zod'
import type { Engine } from '../../../src/runtime/api.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { MAX_DELAY_MS } from '../../../src/runtime/definitions/checks/delays.js'
import { DefinitionError, InvalidEventError } from '../../../src/runtime/errors.js'
import { createMemoryStore } from '../../../src/testing/index.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { openEngine } from '../../support/engine/engine.js'

const actor = { id: 'tester', role: 'admin' }
const ROW = '0198a1b2-c3d4-7e5f-8a6b-0123456789ab'

interface Context {
  owner: unknown
  status: unknown
  claims: unknown
  rows: unknown
  count: number
}
type ProbeEvent =
  | { type: 'set'; to: Partial<Context> }
  | { type: 'tell'; event: never }
  | { type: 'later'; delay: number; id: string }
  | { type: 'never'; id: string }

/** Whatever its events say is its status, its owner, and so on. */
const machine = setup({
  types: { context: {} as Context, events: {} as ProbeEvent, input: {} as { to: Partial<Context> } },
}).createMachine({
  id: 'probe',
  context: ({ input }) => ({ owner: 'ann', status: 'on', claims: [], rows: [], count: 0, ...input.to }),
  on: {
    set: { actions: assign(({ context, event }) => ({ ...event.to, count: context.count + 1 })) },
    tell: { actions: emit(({ event }) => event.event) },
    never: { actions: cancel(({ event }) => event.id) },
    later: {
      actions: raise({ type: 'set', to: {} } as ProbeEvent, {
        delay: ({ event }) => (event.type === 'later' ? event.delay : 0),
      }),
    },
  },
})

const definition = {
  name: 'probe',
  version: 1,
  machine,
  input: z.object({ to: z.any() }),
  commands: {
    set: z.object({ type: z.literal('set'), to: z.any() }),
    tell: z.object({ type: z.literal('tell'), event: z.any() }),
    later: z.object({ type: z.literal('later'), delay: z.any() }),
    never: z.object({ type: z.literal('never'), id: z.any().optional() }),
  },
  status: ({ context }: { context: Context }) => context.status,
  owner: ({ context }: { context: Context }) => context.owner,
  claims: ({ context }: { context: Context }) => context.claims,
  refuse: () => undefined,
  refusePermanently: () => undefined,
  refuseClaim: () => ({ reason: 'TAKEN' }),
  urgent: [],
  projections: [
    {
      table: 'probe_rows',
      columns: { id: 'uuid', note: 'text', size: 'integer', made_at: 'timestamptz', more: 'jsonb' },
      rows: ({ context }: { context: Context }) => context.rows,
    },
  ],
} as unknown as Definition

const set = (to: object) => ({ type: 'set', to })
const tell = (event: unknown) => ({ type: 'tell', event })
const later = (delay: unknown) => ({ type: 'later', delay })
const rows = (row: object) => set({ rows: [{ id: ROW, ...row }] })

const refused: [event: { type: string } & Record<string, unknown>, message: RegExp][] = [
  [set({ status: false }), /^probe v1: status: expected a string, got false$/],
  [set({ status: 7 }), /^probe v1: status: expected a string, got 7$/],
  [set({ status: { on: true } }), /status: expected a string, got an object/],
  [set({ status: 's'.repeat(501) }), /status: expected 500 characters at most, got 501/],
  [set({ owner: null }), /^probe v1: owner: expected a string, got null$/],
  [set({ owner: ['ann'] }), /owner: expected a string, got an array/],
  [set({ owner: 'o'.repeat(3_000) }), /owner: expected 500 characters at most/],
  [set({ claims: null }), /^probe v1: claims: expected an array of strings, got null$/],
  [set({ claims: 'key:1' }), /claims: expected an array of strings, got "key:1"/],
  [set({ claims: ['a', 7] }), /claims\[1\]: expected a string, got 7/],
  [set({ claims: [null] }), /claims\[0\]: expected a string, got null/],
  [set({ claims: ['c'.repeat(3_000)] }), /claims\[0\]: expected 500 characters at most, got 3000/],
  [
    tell({ type: 'x', audience: 'ann' }),
    /^probe v1: emit\("x"\)\.audience: expected an array of strings, got "ann"$/,
  ],
  [tell({ type: 'x', audience: null }), /audience: expected an array of strings, got null/],
  [tell({ type: 'x', audience: { 0: 'ann' } }), /audience: expected an array of strings, got an object/],
  [tell({ type: 'x', audience: ['ann', 7] }), /audience\[1\]: expected a string, got 7/],
  [tell({ type: 'x', audience: [['ann']] }), /audience\[0\]: expected a string, got an array/],
  [tell({ type: 'x', audience: ['a'.repeat(3_000)] }), /audience\[0\]: expected 500 characters/],
  [tell({ audience: [] }), /^probe v1: emit\.type: expected a string, got undefined$/],
  [tell({ type: 7 }), /emit\.type: expected a string, got 7/],
  [tell(null), /^probe v1: emit: expected an object with a "type", got null$/],
  [tell('x'), /emit: expected an object with a "type", got "x"/],
  [later(1e17), /delay.* from 0 to \d+ \(a thousand years\), got 100000000000000000$/],
  [later(MAX_DELAY_MS + 1), /a thousand years/],
  [later(Number.MAX_VALUE), /a thousand years/],
  [{ type: 'never', id: 5 }, /^probe v1: cancel: expected a string, got 5$/],
  [{ type: 'never', id: ['x'] }, /cancel: expected a string, got an array/],
  [set({ rows: 'x' }), /^probe v1: projections\.probe_rows\.rows: expected an array, got "x"$/],
  [set({ rows: [7] }), /rows\[0\]: expected an object, got 7/],
  [set({ rows: [{}] }), /rows\[0\]\.id: expected the row's key, got undefined/],
  [set({ rows: [{ id: 'x' }] }), /rows\[0\]\.id: expected a UUID, got "x"/],
  [rows({ note: 7 }), /rows\[0\]\.note: expected a string, got 7/],
  [rows({ size: 1.5 }), /rows\[0\]\.size: expected an integer of 32 bits, got 1.5/],
  [rows({ size: 2 ** 31 }), /expected an integer of 32 bits/],
  [rows({ made_at: 'soon' }), /rows\[0\]\.made_at: expected a time in ISO 8601, got "soon"/],
  [rows({ made_at: '2026-02-30T00:00:00Z' }), /expected a time in ISO 8601/],
  [rows({ made_at: 'Tue Mar 01 2022' }), /expected a time in ISO 8601/],
  [rows({ colour: 'red' }), /rows\[0\]\.colour: the table probe_rows has no such column/],
]

const taken: ({ type: string } & Record<string, unknown>)[] = [
  set({ status: 's'.repeat(500), owner: '€'.repeat(500) }),
  set({ status: 'on', owner: 'ann', claims: ['€'.repeat(500)] }),
  tell({ type: 'x', audience: [] }),
  tell({ type: 'x' }),
  tell({ type: 'x', audience: ['ann', 'bob'] }),
  later(MAX_DELAY_MS),
  { type: 'never', id: 'x' },
  { type: 'never' },
  rows({ note: null, size: -5, made_at: '2026-01-01T00:00:00Z', more: { a: [1] } }),
]

let database: TestDatabase
const engines: Record<string, ReturnType<typeof openEngine>> = {}
beforeAll(async () => {
  database = await createTestDatabase()
  const sql = new pg.Pool({ connectionString: database.connectionString, max: 1 })
  await sql.query(
    `create table probe_rows (instance uuid, version integer, id uuid primary key, note text, size integer,
       made_at timestamptz, more jsonb)`,
  )
  await sql.end()
  engines.Postgres = openEngine(database.connectionString, { definitions: [definition] })
  engines.memory = openEngine('', { definitions: [definition], store: createMemoryStore() })
})
afterAll(async () => {
  await Promise.all(Object.values(engines).map(one => one.close()))
  await database.drop()
})

async function newProbe(engine: Engine): Promise<string> {
  const created = await engine.create('probe', { to: {} }, { actor })
  if (created.kind !== 'created') throw new Error('expected a new probe')
  return created.instance.id
}

describe.each(['Postgres', 'memory'])('on %s', where => {
  const engineOf = () => {
    const engine = engines[where]?.engine
    if (engine === undefined) throw new Error(`no engine on ${where}`)
    return engine
  }

  it.each(refused)('R10.8 an event alone is refused with the reason: %j', async (event, message) => {
    const engine = engineOf()
    const id = await newProbe(engine)
    // In one burst with others: those are applied.
    const [before, failed, after] = await Promise.allSettled([
      engine.send(id, set({}), { actor }),
      engine.send(id, event, { actor }),
      engine.send(id, set({}), { actor }),
    ])
    expect(failed).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(message) } })
    expect(failed.status === 'rejected' && failed.reason).toBeInstanceOf(DefinitionError)
    expect(before).toMatchObject({ status: 'fulfilled', value: { kind: 'applied', version: 2 } })
    expect(after).toMatchObject({ status: 'fulfilled', value: { kind: 'applied', version: 3 } })
    expect((await engine.get(id))?.snapshot.context).toMatchObject({ count: 2, owner: 'ann', status: 'on' })
    expect(await engine.history(id)).toHaveLength(3)
  })

  it.each(taken)('R10.8 is applied: %j', async event => {
    const engine = engineOf()
    const outcome = await engine.send(await newProbe(engine), event, { actor })
    expect(outcome).toMatchObject({ kind: 'applied', version: 2 })
  })

  it.each([
    [{ owner: 5 }, /^probe v1: owner: expected a string, got 5$/],
    [{ status: null }, /status: expected a string, got null/],
    [{ claims: [{}] }, /claims\[0\]: expected a string, got an object/],
  ])('R10.8 a create is refused: %j', async (to, message) => {
    await expect(engineOf().create('probe', { to }, { actor })).rejects.toThrow(message)
  })

  it('R10.8 text that the database does not store is refused before anything is decided', async () => {
    const engine = engineOf()
    const id = await newProbe(engine)
    for (const to of [
      { owner: 'a\0' },
      { status: '\uD800' },
      { claims: ['key:\0'] },
      { more: [{ 'x\0': 1 }] },
    ]) {
      await expect(engine.send(id, set(to), { actor })).rejects.toThrow(InvalidEventError)
      await expect(engine.create('probe', { to }, { actor })).rejects.toThrow(/cannot be stored/)
    }
    expect(await engine.get(id)).toMatchObject({ version: 1 })
  })
})

describe('an unjustified refusal', () => {
  it.each([
    ['refuse', 'NO', /^probe v1: refuse: expected an object with a string "reason", got "NO"$/],
    ['refuse', {}, /^probe v1: refuse: expected an object with a string "reason", got an object$/],
    ['refusePermanently', true, /^probe v1: refusePermanently: .*got true$/],
    ['refusePermanently', { reason: 7 }, /^probe v1: refusePermanently: /],
    ['refuseClaim', undefined, /^probe v1: refuseClaim: .*got undefined$/],
  ])('R10.8 is an error of the definition: %s gives %j', async (field, given, message) => {
    const commands = { ...definition.commands, nothing: z.object({ type: z.literal('nothing') }) }
    const faulty = { ...definition, commands, [field]: () => given } as unknown as Definition
    const { engine, close } = openEngine('', { definitions: [faulty], store: createMemoryStore() })
    const id = await newProbe(engine)
    const claim = set({ claims: ['wanted'] })
    if (field === 'refuseClaim') {
      const other = await newProbe(engine)
      expect(await engine.send(other, claim, { actor })).toMatchObject({ kind: 'applied' })
    }
    const event = field === 'refuseClaim' ? claim : { type: 'nothing' }
    await expect(engine.send(id, event, { actor })).rejects.toThrow(message)
    await close()
  })
})

describe('results of the definition itself', () => {
  const NUL = String.fromCharCode(0)
  it.each([
    ['status', () => `on${NUL}`, /^probe v1: status: expected well-formed Unicode without NUL$/],
    ['owner', () => '\uDC00', /^probe v1: owner: expected well-formed/],
    ['claims', () => ['a', NUL], /^probe v1: claims\[1\]: expected well-formed/],
  ])('R10.8 is refused as text that cannot be stored: %s', async (field, give, message) => {
    const faulty = { ...definition, [field]: give } as unknown as Definition
    const one = openEngine(database.connectionString, { definitions: [faulty] })
    await expect(one.engine.create('probe', { to: {} }, { actor })).rejects.toThrow(message)
    await one.close()
  })
})
