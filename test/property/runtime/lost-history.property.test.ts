/*
 * Two engines on one database that sometimes goes back in time. Each answer matches the database at that moment, whatever
 * the engines remember, and in the end every instance matches its journal.
 */
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { audit } from '../../../src/runtime/audit.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import type { Outcome } from '../../../src/runtime/types.js'
import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { doorDefinition } from '../../support/machines/door.js'
import { actor, newDoors } from '../../support/machines/doors.js'

const DOORS = 2
const RUNS = process.env.LOADCAST_LONG_TESTS === undefined ? 60 : 3_000

type Action =
  | {
      readonly kind: 'send'
      readonly engine: number
      readonly door: number
      readonly event: { type: string }
    }
  | { readonly kind: 'remember' | 'goBack' }

const send = fc.record({
  kind: fc.constant('send' as const),
  engine: fc.integer({ min: 0, max: 1 }),
  door: fc.integer({ min: 0, max: DOORS - 1 }),
  event: fc.constantFrom(
    { type: 'open', who: 'bob' },
    { type: 'close' },
    { type: 'take.key', who: 'k' },
    { type: 'take.key', who: 'l' },
    { type: 'return.key' },
  ),
})
/** Events sent at once, between two moments at which the database may go back. */
const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.array(send, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant<Action[]>([{ kind: 'remember' }]) },
    { weight: 1, arbitrary: fc.constant<Action[]>([{ kind: 'goBack' }]) },
  ),
  { minLength: 4, maxLength: 16 },
)

it('R13.2 answers match the present database, however often it goes back', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async rounds => {
      let now = Date.now()
      // A failover takes longer than a millisecond, and stamps are milliseconds.
      const database = new MemoryDatabase(() => now)
      const clock = { now: () => now++, sync: async () => {}, offsetMs: 0 }
      const engines = [0, 1].map(() =>
        createEngine({
          store: createMemoryStore({ database }),
          definitions: [doorDefinition as unknown as Definition],
          clock,
        }),
      )
      const doors = await newDoors(engines[0] as (typeof engines)[0], DOORS)
      let remembered = structuredClone(database.tables)

      function goBack(): void {
        for (const [name, table] of Object.entries(structuredClone(remembered))) {
          const current = database.tables[name as keyof typeof remembered] as Map<unknown, unknown>
          current.clear()
          for (const [key, row] of table as Map<unknown, unknown>) current.set(key, row)
        }
      }

      function expectTrue(id: string, outcome: Outcome): void {
        const journal = database.tables.journal.get(id) ?? []
        expect(journal.length).toBeGreaterThanOrEqual(outcome.version)
        if (outcome.kind === 'applied') expect(journal[outcome.version - 1]?.uid).toBe(outcome.uid)
        else expect(outcome.instance.updatedAt).toBe(journal[outcome.version - 1]?.at)
      }

      for (const round of rounds) {
        if (round.some(action => action.kind === 'remember')) remembered = structuredClone(database.tables)
        if (round.some(action => action.kind === 'goBack')) goBack()
        const sent = round.flatMap(action => (action.kind === 'send' ? [action] : []))
        await Promise.all(
          sent.map(async ({ engine, door, event }) => {
            const id = doors[door] as string
            expectTrue(id, (await engines[engine]?.send(id, event, { actor })) as Outcome)
          }),
        )
      }
      await Promise.all(engines.map(engine => engine.close()))
      const violations: string[] = []
      for await (const { message } of audit(database.auditStore, [doorDefinition as unknown as Definition])) {
        violations.push(message)
      }
      expect(violations).toEqual([])
    }),
    { numRuns: RUNS },
  )
})
