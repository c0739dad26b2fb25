/* Many instances in one commit. Some cannot be committed: each gets its own answer, and the rest is applied. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { DefinitionError } from '../../../src/runtime/errors.js'
import type { InstanceWrite, Store } from '../../../src/runtime/ports.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine } from '../../support/engine/engine.js'
import { doorDefinition } from '../../support/machines/door.js'
import { actor, briefly, callerOf, newDoor, newDoors } from '../../support/machines/doors.js'

const { connectionString, sql } = await useDatabase()
/** How many instances each commit had, in order. */
let batches: number[]
const opened: { close(): Promise<void> }[] = []

/** A visitor whose transition Postgres refuses (22021), as if a check before the commit were missing. */
const UNSTORABLE = 'unstorable'

function spoiled(write: InstanceWrite): InstanceWrite {
  if (!write.row.snapshot.includes(UNSTORABLE)) return write
  return { ...write, row: { ...write.row, status: 'open\0' } }
}

function open(definition: Definition = doorDefinition as unknown as Definition) {
  const store = createPostgresStore({ connectionString })
  const counting: Store = {
    ...store,
    commit(writes, leaseMs) {
      batches.push(writes.length)
      return store.commit(writes.map(spoiled), leaseMs)
    },
  }
  const one = openEngine(connectionString, { store: counting, definitions: [definition] })
  opened.push(one)
  return { ...one, ...callerOf(one.engine) }
}
/** A door that says of a visitor what it is told, however strange, with `strange` to say what it cannot bear. */
function credulousDoor(strange: (status: string, passages: number) => void = () => {}): Definition {
  return {
    ...doorDefinition,
    commands: { ...doorDefinition.commands, open: z.looseObject({ type: z.literal('open'), who: z.any() }) },
    projections: [
      {
        table: 'trips',
        columns: { id: 'uuid' },
        rows: ({ value, context }: { value: string; context: { passages: unknown[] } }) => {
          strange(value, context.passages.length)
          return []
        },
      },
    ],
  } as unknown as Definition
}
const answerOf = (work: Promise<Parameters<typeof briefly>[0]>) =>
  work.then(briefly, error => `${error.name} ${error.code ?? ''}`.trim())

beforeEach(async () => {
  await sql.query('truncate instances, journal, events, outbox, timers, claims')
  batches = []
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
})

describe('R10.4 a batch of 200', () => {
  it('with a refused, a stale, a claimed, a poisoned and an unstorable one commits the other 195', async () => {
    const [a, b] = [open(), open()]
    const ids = await newDoors(a.engine, 200)
    const [refused = '', stale = '', claimed = '', poisoned = '', bad = '', ...fine] = ids
    await a.open(refused)
    await b.take(stale, 'k')
    await b.take(await newDoor(b.engine), 'wanted')
    await b.take(poisoned, 'p')
    await sql.query(
      `update instances set snapshot_json = (snapshot_json::jsonb || '{"value":"nowhere"}')::json where id = $1`,
      [poisoned],
    )
    batches = []
    const answers = await Promise.all([
      ...fine.map((id, i) => answerOf(i % 2 ? a.open(id) : a.take(id, `key ${i}`))),
      answerOf(a.open(refused)),
      answerOf(a.open(stale)),
      answerOf(a.take(claimed, 'wanted')),
      answerOf(a.open(poisoned)),
      answerOf(a.engine.send(bad, { type: 'open', who: UNSTORABLE }, { actor })),
    ])
    // Two shares; whoever is not fit is in the second, among 95 others. The refused one needs no commit.
    expect(batches.slice(0, 2)).toEqual([100, 99])
    expect(answers.slice(0, 195)).toEqual(fine.map(() => 'applied 2'))
    expect(answers.slice(195)).toEqual([
      'ALREADY_OPEN 2',
      'applied 3',
      'HAS_ANOTHER_KEY 1',
      'DefinitionError',
      expect.stringMatching(/^error 22/),
    ])
    await sql.query(
      `update instances set snapshot_json = (snapshot_json::jsonb || '{"value":"closed"}')::json where id = $1`,
      [poisoned],
    )
    expect(await violationsOf(sql)).toEqual([])
    const { rows } = await sql.query(
      'select version, count(*)::int as n from instances group by 1 order by 1',
    )
    expect(rows).toEqual([
      { version: 1, n: 2 }, // the claimed and the unstorable one
      { version: 2, n: 198 }, // the rest, the refused, the poisoned and the holder of the key
      { version: 3, n: 1 },
    ])
  })

  it.each([
    ['what Postgres refuses', UNSTORABLE, /^error 22/],
    ['a NUL', 'nul \u0000', /^InvalidEventError/],
    ['a lone surrogate', 'half \ud800', /^InvalidEventError/],
  ])('of one door with %s among them applies the others in their order', async (_what, who, answer) => {
    const a = open(credulousDoor())
    const id = await newDoor(a.engine)
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        answerOf(
          i === 170 ? a.engine.send(id, { type: 'open', who }, { actor }) : i % 2 ? a.shut(id) : a.open(id),
        ),
      ),
    )
    expect(answers[170]).toMatch(answer)
    expect(answers.slice(0, 170)).toEqual(answers.slice(0, 170).map((_, i) => `applied ${i + 2}`))
    expect(answers[171]).toBe('unchanged 171')
    expect(answers.slice(172)).toEqual(answers.slice(172).map((_, i) => `applied ${i + 172}`))
    expect(batches.length).toBeLessThan(40)
    expect(await violationsOf(sql)).toEqual([])
  })
})

describe('an instance that cannot be written because of its definition', () => {
  it('fails alone when its event cannot be made JSON', async () => {
    const a = open(credulousDoor())
    const ids = await newDoors(a.engine, 20)
    const answers = await Promise.all(
      ids.map((id, i) =>
        answerOf(a.engine.send(id, { type: 'open', who: i === 7 ? 10n : 'bob' }, { actor })),
      ),
    )
    expect(answers).toEqual(ids.map((_, i) => (i === 7 ? 'InvalidEventError' : 'applied 2')))
  })

  it('fails alone when the definition throws while its rows are derived', async () => {
    const a = open(
      credulousDoor((_, passages) => {
        if (passages === 2) throw new RangeError('cannot count to two')
      }),
    )
    const ids = await newDoors(a.engine, 5)
    await Promise.all(ids.slice(0, 2).map(id => a.open(id)))
    await Promise.all(ids.slice(0, 2).map(id => a.shut(id)))
    const answers = await Promise.all([
      ...ids.map(id => answerOf(a.open(id))),
      answerOf(a.take(ids[0] ?? '', 'after')),
    ])
    expect(answers).toEqual([
      'RangeError',
      'RangeError',
      'applied 2',
      'applied 2',
      'applied 2',
      'applied 4', // what waited behind the one that failed
    ])
  })
})

describe('a row with a lock', () => {
  it('delays its own instance and, except for a moment, no other', async () => {
    const a = open()
    const ids = await newDoors(a.engine, 50)
    const [locked = '', ...free] = ids
    const client = await sql.connect()
    await client.query('begin')
    await client.query('select from instances where id = $1 for update', [locked])
    let isLocked = true
    const waiting = answerOf(a.open(locked)).then(answer => [answer, isLocked])
    const answers = await Promise.all(free.map(id => answerOf(a.open(id))))
    expect(answers).toEqual(free.map(() => 'applied 2'))
    isLocked = false
    await client.query('commit')
    client.release()
    expect(await waiting).toEqual(['applied 2', false])
    expect(await violationsOf(sql)).toEqual([])
  })
})

it('an unknown stored definition is an error of its own instance', async () => {
  const a = open()
  const id = await newDoor(a.engine)
  await sql.query('update instances set definition_version = 99')
  await expect(open().engine.send(id, { type: 'open', who: 'x' }, { actor })).rejects.toThrow(DefinitionError)
})
