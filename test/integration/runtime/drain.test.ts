/* An engine that closes under load, and what it cannot finish. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { OverloadedError } from '../../../src/runtime/errors.js'
import type { Wakeups } from '../../../src/runtime/ports.js'
import type { Outcome, Subscriber } from '../../../src/runtime/types.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'
import { controlledFaults } from '../../support/engine/faults.js'
import { scaled } from '../../support/engine/pace.js'
import { actor, briefly, callerOf, newDoor, newDoors } from '../../support/machines/doors.js'

const DOOR = [{ machine: 'door', version: 1 }]

const { connectionString, sql } = await useDatabase()
const stores: { close(): Promise<void> }[] = []

function open(options: Parameters<typeof openEngine>[1] = {}) {
  const one = openEngine(connectionString, options)
  stores.push(one.store)
  return { ...one, ...callerOf(one.engine) }
}
const count = async (table: string) =>
  Number((await sql.query(`select count(*) as n from ${table}`)).rows[0].n)
const isLeased = async (table: 'timers' | 'outbox') =>
  (await count(table === 'timers' ? 'timers where leased_until > now()' : 'outbox where due_at > now()')) > 0

beforeEach(async () => {
  await sql.query('truncate instances, journal, events, outbox, timers, claims')
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.close()))
  expect(await violationsOf(sql)).toEqual([])
})

describe('an engine that closes', () => {
  it('under load answers accepted commands, accepts no new ones, and has delivered all events', async () => {
    const recorder = recordingSubscriber()
    const a = open({ subscribers: [recorder] })
    await a.engine.start()
    const ids = await newDoors(a.engine, 20, 30)
    const applied: Extract<Outcome, { kind: 'applied' }>[] = []
    const refusedEntry: unknown[] = []
    let isClosed = false
    let answersAfterwards = 0
    const callers = ids.map(async id => {
      for (let i = 0; refusedEntry.length < 20; i++) {
        await (i % 2 ? a.shut(id) : a.open(id)).then(
          outcome => {
            if (isClosed) answersAfterwards++
            if (outcome.kind === 'applied') applied.push(outcome)
          },
          error => refusedEntry.push(error),
        )
      }
    })
    await until(() => applied.length > 300)
    await a.engine.close()
    isClosed = true
    const atTheEnd = await count('journal')
    await Promise.all(callers)
    expect(answersAfterwards).toBe(0)
    expect(refusedEntry.every(error => error instanceof OverloadedError)).toBe(true)
    const { rows } = await sql.query('select uid from journal')
    expect(rows).toHaveLength(atTheEnd)
    const journal = new Set(rows.map(row => row.uid))
    expect(applied.filter(outcome => !journal.has(outcome.uid))).toEqual([])
    expect(await count('outbox')).toBe(0)
    expect(recorder.events).toHaveLength(await count('events'))
  })

  it('does not accept a command whose instance it was still looking up', async () => {
    const a = open()
    const id = await newDoor(a.engine)
    const cold = open()
    const sent = Promise.allSettled([cold.open(id)]) // has to ask the database which machine it is
    await cold.engine.close()
    expect(await sent).toMatchObject([{ status: 'rejected', reason: expect.any(OverloadedError) }])
    expect(await a.engine.get(id)).toMatchObject({ version: 1 })
  })

  it('refuses creates and commands from the moment it is closed', async () => {
    const a = open()
    const id = await newDoor(a.engine)
    const closing = a.engine.close()
    await expect(a.open(id)).rejects.toThrow(OverloadedError)
    await expect(newDoor(a.engine)).rejects.toThrow(OverloadedError)
    await closing
  })

  it('finishes the commit in progress and the commands that wait behind it', async () => {
    const points = controlledFaults()
    const a = open({ faults: points.faults })
    const id = await newDoor(a.engine)
    const hold = points.hold('commit.before')
    const first = a.open(id)
    await hold.reached
    const second = a.shut(id)
    const closing = a.engine.close()
    hold.release()
    expect((await Promise.all([first, second])).map(briefly)).toEqual(['applied 2', 'applied 3'])
    await closing
  })

  it('R9.4 returns in time when a subscriber hangs, and gives up its lease: another engine makes the delivery', async () => {
    const stuck: Subscriber = {
      name: 'recorder',
      wants: () => true,
      handle: () => new Promise<void>(() => {}),
    }
    const a = open({ subscribers: [stuck] })
    await a.engine.start()
    const id = await newDoor(a.engine)
    const from = performance.now()
    await a.engine.close({ withinMs: 150 })
    expect(performance.now() - from).toBeLessThan(scaled(1_000))
    expect(await isLeased('outbox')).toBe(false)
    const recorder = recordingSubscriber()
    const heir = open({ subscribers: [recorder] })
    await heir.engine.start()
    await until(async () => (await count('outbox')) === 0)
    expect(recorder.events.map(e => e.instance)).toEqual([id])
    await heir.engine.close()
  })

  it('R9.4 returns in time when a commit hangs, and gives up the leases of its timers: another engine fires them', async () => {
    const points = controlledFaults()
    const a = open({ faults: points.faults })
    const ids = await newDoors(a.engine, 3, 1)
    await Promise.all(ids.map(id => a.open(id)))
    const hold = points.hold('commit.before')
    await a.engine.start()
    await hold.reached
    const from = performance.now()
    expect(await isLeased('timers')).toBe(true)
    await a.engine.close({ withinMs: 150 })
    expect(performance.now() - from).toBeLessThan(scaled(1_000))
    expect(await isLeased('timers')).toBe(false)
    const heir = open()
    await heir.engine.start()
    await until(async () => (await count('timers')) === 0)
    await heir.engine.close()
    hold.release() // too late: the other has fired them
    await until(async () => (await count('journal')) === 9)
  })

  it('R9.4 that stands down fires no timers, though it accepts commands, and wakes another for their timers', async () => {
    const announced: number[] = []
    const wakeups: Wakeups = {
      announce: dueAt => void announced.push(dueAt),
      async listen() {},
      async close() {},
    }
    const a = open({ wakeups })
    await a.engine.start()
    const id = await newDoor(a.engine, 1)
    await a.open(id)
    // Its look for timers is over: one that is under way may still find what is armed below.
    await until(async () => (await count('timers')) === 0)
    expect(announced).toEqual([])
    a.engine.standDown()
    await a.open(id)
    await until(() => announced.length >= 2)
    expect(await count('timers')).toBe(1)
    const heir = open()
    await heir.engine.start()
    await until(async () => (await count('timers')) === 0)
    await heir.engine.close()
    await a.engine.close()
  })

  it('can be closed twice', async () => {
    const a = open()
    await a.engine.start()
    await Promise.all([a.engine.close(), a.engine.close()])
  })
})

describe('a delivery that fails', () => {
  /** A subscriber that fails until it is switched to succeed. */
  function moody(name = 'moody') {
    const attempts: number[] = []
    const state = { fails: true }
    const subscriber: Subscriber = {
      name,
      wants: () => true,
      handle: (_event, attempt) => {
        attempts.push(attempt)
        if (state.fails) throw new Error('not in the mood')
      },
    }
    return { subscriber, attempts, state }
  }

  it('for the tenth time is a dead letter, and is made after it is redriven', async () => {
    const { subscriber, attempts, state } = moody()
    const a = open({ subscribers: [subscriber] })
    const id = await newDoor(a.engine)
    await until(async () => (await count('outbox where attempts = 1')) === 1)
    await sql.query('update outbox set attempts = 9, due_at = now()')
    await a.engine.start()
    await until(async () => (await count('dead_letters')) === 1)
    expect(await count('outbox')).toBe(0)
    const [letter] = await a.store.deadLetters(undefined, 10)
    expect(letter).toMatchObject({ instance: id, version: 1, index: 0, attempts: 10, subscriber: 'moody' })
    expect(letter?.error).toContain('not in the mood')

    state.fails = false
    expect(await a.store.redrive(letter?.id ?? 0)).toBe(true)
    expect(await a.store.redrive(letter?.id ?? 0)).toBe(false)
    await until(async () => (await count('outbox')) === 0)
    expect(attempts).toEqual([1, 10, 1])
    await a.engine.close()
  })

  it('of a subscriber that hangs, on a backlog of more than a sweep, does not delay other subscribers', async () => {
    const doors = 700 // a sweep takes 500
    const maker = open({ subscribers: [{ ...moody('hung').subscriber }, { ...moody('quick').subscriber }] })
    await newDoors(maker.engine, doors)
    await until(async () => (await count('outbox where attempts = 1')) === 2 * doors)
    await sql.query("update outbox set due_at = now() - interval '1 s' where subscriber = 'hung'")
    await sql.query("update outbox set due_at = now() where subscriber = 'quick'")
    const hung: Subscriber = { name: 'hung', wants: () => true, handle: () => new Promise<void>(() => {}) }
    const quick = recordingSubscriber('quick')
    const a = open({ subscribers: [hung, quick] })
    await a.engine.start()
    await until(() => quick.events.length >= doors)
    await until(async () => (await count("outbox where subscriber = 'quick'")) === 0)
    await a.engine.close({ withinMs: 50 })
  })

  it('of an unknown subscriber is left to processes that know it', async () => {
    const { subscriber } = moody('elsewhere')
    const a = open({ subscribers: [subscriber] })
    await newDoor(a.engine, 3_600_000)
    await until(async () => (await count('outbox where attempts = 1')) === 1)
    await sql.query('update outbox set due_at = now()')
    expect(await a.store.leaseDeliveries(['another'], DOOR, 10, 1_000)).toEqual([])
    expect(await a.store.leaseDeliveries(['elsewhere'], DOOR, 10, 1_000)).toMatchObject([
      { subscriber: 'elsewhere', attempts: 1 },
    ])
    await a.engine.create('door', { owner: 'x', closeMs: 1 }, { actor }) // still at work
    await a.engine.close()
  })
})
