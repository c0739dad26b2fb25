/* Every delay of an active state has a timer, active or parked. Missing timers are armed again, and no others. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { assign, enqueueActions, raise, setup } from 'xstate'
import { z } from 'zod'
import type { Definition } from '../../../src/runtime/definition.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, testDefinitions, until } from '../../support/engine/engine.js'
import { doorDefinition } from '../../support/machines/door.js'
import { actor, callerOf, LONG_MS, newDoor } from '../../support/machines/doors.js'

/** A delay that its guard ignores, and a delayed raise inside an action that only a replay can find. */
const watchMachine = setup({
  types: {
    context: {} as { isReady: boolean; remindMs: number; reminders: number },
    input: {} as { remindMs: number },
  },
  guards: { isReady: ({ context }) => context.isReady },
  delays: { remind: ({ context }) => context.remindMs },
}).createMachine({
  id: 'watch',
  context: ({ input }) => ({ isReady: false, remindMs: input.remindMs, reminders: 0 }),
  initial: 'waiting',
  states: {
    waiting: {
      entry: enqueueActions(({ enqueue }) => {
        enqueue(raise({ type: 'reminder' }, { delay: 'remind', id: 'reminder' }))
      }),
      after: { 50: { guard: 'isReady', target: 'gone' } },
      on: {
        prepare: { actions: assign({ isReady: true }) },
        reminder: { actions: assign({ reminders: ({ context }) => context.reminders + 1 }) },
      },
    },
    gone: {},
  },
})
const watchDefinition = {
  ...doorDefinition,
  name: 'watch',
  machine: watchMachine,
  input: z.strictObject({ remindMs: z.number() }),
  commands: { prepare: z.strictObject({ type: z.literal('prepare') }) },
  status: (snapshot: { value: unknown }) => String(snapshot.value),
  owner: () => 'ann',
  claims: () => [],
  refuse: () => ({ reason: 'NOT_NOW' }),
  refusePermanently: () => undefined,
  urgent: [],
} as unknown as Definition
const definitions = [...testDefinitions, watchDefinition]
const AFTER = 'xstate.after.50.watch.waiting'

const { connectionString, sql } = await useDatabase()
let a: ReturnType<typeof open>

function open() {
  const one = openEngine(connectionString, { definitions })
  return { ...one, ...callerOf(one.engine) }
}
const timersOf = async (id: string) =>
  (
    await sql.query(
      `select send_id as "sendId", generation, due_at as "dueAt", parked from timers where instance = $1 order by 1`,
      [id],
    )
  ).rows
const newWatch = async (remindMs = LONG_MS) => {
  const created = await a.engine.create('watch', { remindMs }, { actor })
  if (created.kind !== 'created') throw new Error('expected a new watch')
  return created.instance.id
}
const allTimers = async () =>
  (
    await sql.query(
      'select instance, send_id, machine, generation, event_json as event from timers order by 1, 2',
    )
  ).rows

beforeEach(async () => {
  await sql.query('truncate instances, journal, events, outbox, timers, claims, processes, sweeps')
  a = open()
})
afterEach(async () => {
  await a.close()
  expect(await violationsOf(sql, definitions)).toEqual([])
})

describe('a timer that is missing', () => {
  it('R13.2 is armed again as it was, both for an `after` and for a delayed raise', async () => {
    const door = await newDoor(a.engine)
    await a.open(door)
    const watch = await newWatch()
    const before = await allTimers()
    await sql.query('delete from timers')
    await a.engine.start()
    await until(async () => (await allTimers()).length === before.length, 30_000)
    expect(await allTimers()).toEqual(before)
    expect((await timersOf(watch)).map(timer => timer.sendId)).toEqual(['reminder', AFTER])
  })

  it('R13.2 fires at once when its time has passed', async () => {
    const door = await newDoor(a.engine, 10)
    await a.open(door)
    await sql.query('delete from timers')
    await a.engine.start()
    await until(async () => (await a.engine.get(door))?.status === 'closed', 30_000)
  })

  it('R13.2 fires for a caller that cannot wait for the next check', async () => {
    const door = await newDoor(a.engine, 10)
    const opened = await a.open(door)
    await sql.query('delete from timers')
    await until(() => opened.kind === 'applied' && a.engine.now() > opened.instance.updatedAt + 10)
    await a.engine.ring(door)
    expect(await a.engine.get(door)).toMatchObject({ status: 'closed', version: 3 })
  })

  it('fires for such a caller although another process holds its lease', async () => {
    const door = await newDoor(a.engine, 10)
    await a.open(door)
    await sql.query(
      `update timers set leased_until = now() + interval '1 hour', due_at = now() - interval '1 s'`,
    )
    await a.engine.ring(door)
    expect(await a.engine.get(door)).toMatchObject({ status: 'closed' })
  })

  it('is not armed for a state that was left, and does not fire before its time', async () => {
    const [left, early] = [await newDoor(a.engine, 10), await newDoor(a.engine)]
    await a.open(left)
    await a.shut(left)
    await a.open(early)
    await sql.query('delete from timers')
    await a.engine.ring(left)
    await a.engine.ring(early)
    expect(await timersOf(left)).toEqual([])
    expect(await timersOf(early)).toMatchObject([{ sendId: 'xstate.after.closing.door.open', generation: 2 }])
    expect(await a.engine.get(early)).toMatchObject({ status: 'open', version: 2 })
  })
})

describe('a timer that was ignored', () => {
  it('is parked and does not count as missing: it never fires again', async () => {
    const watch = await newWatch()
    await a.engine.start()
    await until(async () => (await timersOf(watch)).some(timer => timer.parked === 'spent'))
    expect(await a.engine.send(watch, { type: 'prepare' }, { actor })).toMatchObject({ version: 2 })
    await a.engine.ring(watch)
    // As with a plain actor, a guard that becomes true later does not bring the delay back.
    expect(await a.engine.get(watch)).toMatchObject({ status: 'waiting', version: 2 })
    expect(await timersOf(watch)).toMatchObject([{ sendId: 'reminder' }, { sendId: AFTER, parked: 'spent' }])
  })

  it('fires again after a process of the previous release, which does not know parking, has armed it again', async () => {
    const door = await newDoor(a.engine)
    await a.open(door)
    await sql.query(
      `update timers set parked = 'spent', due_at = now() - interval '1 second' where instance = $1`,
      [door],
    )
    await a.engine.start()
    await until(async () => (await a.engine.get(door))?.status === 'closed')
  })

  it('is parked by the commit of its burst', async () => {
    const watch = await newWatch(60)
    await new Promise(resolve => setTimeout(resolve, 100))
    // Both are overdue: one is ignored, the other moves the machine.
    await a.engine.ring(watch)
    expect(await a.engine.get(watch)).toMatchObject({ version: 2, snapshot: { context: { reminders: 1 } } })
    expect(await timersOf(watch)).toMatchObject([{ sendId: AFTER, generation: 1, parked: 'spent' }])
  })
})
