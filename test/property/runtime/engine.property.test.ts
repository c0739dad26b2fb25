/*
 * Callers use two engines on one database, and connections fail at random. Their answers must be those of the machine
 * alone, in an order that agrees with the wall clock.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { StampedEvent } from '../../../src/runtime/definition.js'
import { createRegistry } from '../../../src/runtime/definitions/registry.js'
import { createEngine } from '../../../src/runtime/engine.js'
import { OverloadedError, StoreUnavailableError } from '../../../src/runtime/errors.js'
import type { Store } from '../../../src/runtime/ports.js'
import { replay } from '../../../src/runtime/replay.js'
import type { JournalEntry, Outcome } from '../../../src/runtime/types.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { violationsOf } from '../../support/database/violations.js'
import { recordingSubscriber, testDefinitions } from '../../support/engine/engine.js'
import { type FaultyStore, faultyStore, type Mishap } from '../../support/engine/faulty-store.js'

const numRuns = process.env.LOADCAST_LONG_TESTS !== undefined ? 300 : 20

let database: TestDatabase
let sql: pg.Pool
let stores: Store[]

beforeAll(async () => {
  database = await createTestDatabase()
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 })
  stores = [0, 1].map(() => createPostgresStore({ connectionString: database.connectionString }))
})
afterAll(async () => {
  await Promise.all(stores.map(store => store.close()))
  await sql.end()
  await database.drop()
})

// ── what is asked, and what goes wrong ───────────────────────────────────────────────────────────────────

type Word = 'open' | 'close' | 'take.key' | 'return.key' | 'brick.up'
type Action = { readonly engine: number; readonly door: number } & (
  | { readonly kind: Word; readonly key: number; readonly isConditional: boolean }
  | { readonly kind: 'get' }
)

const place = { engine: fc.nat(1), door: fc.nat(2) }
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      ...place,
      kind: fc.oneof(
        { weight: 10, arbitrary: fc.constantFrom<Word>('open', 'close', 'take.key', 'return.key') },
        { weight: 1, arbitrary: fc.constant<Word>('brick.up') },
      ),
      key: fc.nat(1),
      isConditional: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ ...place, kind: fc.constant('get' as const) }) },
)
const ms = fc.nat(20)
const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'none' } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('slow' as const), ms }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('late' as const), ms: fc.nat(120) }) },
  { weight: 2, arbitrary: fc.constantFrom<Mishap>({ kind: 'lost' }, { kind: 'unanswered' }) },
)
const scenario = fc.record({
  /** How long each door stays open by itself. */
  doors: fc.array(fc.constantFrom(1, 10, 60_000), { minLength: 1, maxLength: 3 }),
  /** What each caller asks for, one after the other. */
  callers: fc.array(fc.array(action, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }),
  mishaps: fc.tuple(fc.array(mishap, { maxLength: 25 }), fc.array(mishap, { maxLength: 25 })),
  /** Milliseconds at each fault point that is reached. */
  pauses: fc.array(fc.nat(5), { maxLength: 60 }),
})
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never

// ── one run ──────────────────────────────────────────────────────────────────────────────────────────────

/** A question, when it was asked and answered (`performance.now()`), and what was said. */
interface Asked {
  /** In the journal as the actor's id. */
  readonly name: string
  readonly door: string
  readonly event: { readonly type: string } & Record<string, unknown>
  readonly ifVersion: number | undefined
  readonly from: number
  readonly to: number
  readonly answer: Outcome | { readonly kind: 'read'; readonly version: number } | { readonly kind: 'failed' }
}

async function live({ doors, callers, mishaps, pauses }: Scenario): Promise<Asked[]> {
  let pause = 0
  const faults = () => new Promise<void>(resolve => setTimeout(resolve, pauses[pause++] ?? 0))
  const faulty = stores.map((store, i) => faultyStore(store, mishaps[i] ?? []))
  const engines = faulty.map(store =>
    createEngine({ store, definitions: testDefinitions, subscribers: [recordingSubscriber()], faults }),
  )
  await Promise.all(engines.map(engine => engine.start()))
  const ids = await Promise.all(
    doors.map(async (closeMs, i) => {
      const made = await engines[i % 2]?.create(
        'door',
        { owner: 'ann', closeMs },
        { actor: { id: 'maker', role: 'x' } },
      )
      if (made?.kind !== 'created') throw new Error('expected a door')
      return made.instance.id
    }),
  )
  const asked: Asked[] = []
  await Promise.all(
    callers.map(async (actions, caller) => {
      const seen = new Map<string, number>()
      for (const [i, action] of actions.entries()) {
        const door = ids[action.door % ids.length] ?? ''
        const engine = engines[action.engine]
        if (engine === undefined) throw new Error('no engine')
        const name = `caller ${caller}, action ${i}`
        const from = performance.now()
        const note = (answer: Asked['answer'], event = { type: 'get' }, ifVersion?: number) => {
          if (answer.kind !== 'failed') seen.set(door, answer.version)
          asked.push({ name, door, event, ifVersion, from, to: performance.now(), answer })
        }
        const failed = (error: unknown) => {
          if (error instanceof OverloadedError || error instanceof StoreUnavailableError) {
            return { kind: 'failed' as const }
          }
          throw error
        }
        if (action.kind === 'get') {
          note(
            await engine
              .get(door)
              .then(found => ({ kind: 'read' as const, version: found?.version ?? 0 }), failed),
          )
          continue
        }
        const who = { open: { who: 'bob' }, 'take.key': { who: `key ${action.key}` } }[action.kind as 'open']
        const event = { type: action.kind, ...who }
        const ifVersion = action.isConditional ? seen.get(door) : undefined
        const options = {
          actor: { id: name, role: 'tester' },
          ...(ifVersion === undefined ? {} : { ifVersion }),
        }
        note(await engine.send(door, event, options).catch(failed), event, ifVersion)
      }
    }),
  )
  await Promise.all(engines.map(engine => engine.close()))
  await Promise.all(faulty.map((store: FaultyStore) => store.settled()))
  return asked
}

// ── what must be true of it ──────────────────────────────────────────────────────────────────────────────

type Row = JournalEntry & { readonly instance: string }

async function journal(): Promise<Row[]> {
  const { rows } = await sql.query<Row>(`
    select instance, version, uid, event_json as event, status, actor_json as actor, (extract(epoch from at) * 1000)::float8 as at
    from journal order by instance, version`)
  return rows
}

/** The answer, held against the rows that bear the question's name: none, or one. */
function checkAgainstJournal({ name, answer, door }: Asked, rows: readonly Row[]): void {
  const own = rows.filter(row => row.actor.id === name)
  const found = own.map(row => `${row.instance} ${row.version} ${row.uid}`)
  if (answer.kind === 'failed') expect([name, found.length]).toEqual([name, Math.min(found.length, 1)])
  else if (answer.kind === 'applied')
    expect([name, found]).toEqual([name, [`${door} ${answer.version} ${answer.uid}`]])
  else expect([name, found]).toEqual([name, []])
}

/** What was refused or changed nothing: the machine says so too, at the version that the answer names. */
function checkAgainstMachine({ name, event, ifVersion, door, answer }: Asked, rows: readonly Row[]): void {
  if (answer.kind !== 'refused' && answer.kind !== 'unchanged') return
  const past = rows.filter(row => row.instance === door && row.version <= answer.version)
  expect([name, past.length]).toEqual([name, answer.version])
  const registered = createRegistry(testDefinitions).get('door')
  const snapshot = replay(registered, door, past).current?.snapshot
  if (snapshot === undefined) throw new Error('no snapshot')
  const stamped = { ...event, at: past.at(-1)?.at ?? 0, uid: 'x' } as StampedEvent
  const step = registered.stepper.step(snapshot, stamped)
  const reason = answer.kind === 'refused' ? answer.reason : undefined
  if (ifVersion !== undefined && ifVersion !== answer.version) {
    expect([name, reason]).toEqual([name, 'STALE_VERSION'])
  } else if (reason === 'HAS_ANOTHER_KEY') {
    expect([name, step.kind]).toEqual([name, 'moved'])
  } else {
    expect([name, step.kind]).toEqual([name, 'unchanged'])
    expect([name, reason]).toEqual([name, registered.definition.refuse(snapshot, stamped)?.reason])
  }
}

/** Who asks after another was answered is not told of an earlier version; who changes something, of a later one. */
function checkOrder(asked: readonly Asked[]): void {
  for (const later of asked) {
    if (later.answer.kind === 'failed') continue
    for (const earlier of asked) {
      if (earlier.answer.kind === 'failed' || earlier.door !== later.door || earlier.to >= later.from)
        continue
      const least = earlier.answer.version + (later.answer.kind === 'applied' ? 1 : 0)
      if (later.answer.version < least) {
        throw new Error(
          `${later.name} was told of version ${later.answer.version} (${later.answer.kind}), ` +
            `although ${earlier.name} had already been told of ${earlier.answer.version} (${earlier.answer.kind})`,
        )
      }
    }
  }
}

test('callers get the answers of the machine alone, whatever happens to connections', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async given => {
      await sql.query('truncate instances, journal, events, outbox, timers, claims')
      const asked = await live(given)
      const rows = await journal()
      expect(new Set(rows.map(row => row.uid)).size).toBe(rows.length)
      for (const one of asked) {
        checkAgainstJournal(one, rows)
        checkAgainstMachine(one, rows)
      }
      checkOrder(asked)
      expect(await violationsOf(sql)).toEqual([])
    }),
    { numRuns },
  )
})
