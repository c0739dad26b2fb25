/* The database goes back in time under running processes, as after a failover to an asynchronous standby. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { rememberHistory } from '../../support/database/lost-history.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'
import { briefly, callerOf, newDoor } from '../../support/machines/doors.js'

const { connectionString, sql } = await useDatabase()
let a: ReturnType<typeof open>
let b: ReturnType<typeof open>

function open() {
  const recorder = recordingSubscriber()
  const one = openEngine(connectionString, { subscribers: [recorder] })
  return { ...one, ...callerOf(one.engine), recorder }
}
const typesOf = async (id: string) =>
  (
    await sql.query('select event_json as event from journal where instance = $1 order by version', [id])
  ).rows.map(row => row.event.type)
const timersOf = async (id: string) =>
  (await sql.query('select send_id, parked from timers where instance = $1', [id])).rows

beforeEach(async () => {
  await sql.query('truncate instances, journal, events, outbox, timers, claims, processes, sweeps')
  a = open()
  b = open()
})
afterEach(async () => {
  await Promise.all([a.close(), b.close()])
  expect(await violationsOf(sql)).toEqual([])
})

describe('a database that went back', () => {
  it('R13.2 decides by its data, not by the memory of a process', async () => {
    const id = await newDoor(a.engine)
    await a.open(id)
    const goBack = await rememberHistory(sql)
    expect(briefly(await a.shut(id))).toBe('applied 3')
    await goBack()
    // The door was closed in the lost history. In this one it is open, and closing it has an effect.
    expect(briefly(await a.shut(id))).toBe('applied 3')
    expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'close'])
  })

  it('R13.2 answers reads from its data', async () => {
    const id = await newDoor(a.engine)
    const goBack = await rememberHistory(sql)
    await a.open(id)
    await goBack()
    expect(await a.engine.get(id)).toMatchObject({ version: 1, status: 'closed' })
  })

  it('R13.2 keeps the timer of a state that is active again, and it fires', async () => {
    const id = await newDoor(a.engine, 300)
    await a.open(id)
    const goBack = await rememberHistory(sql)
    await a.shut(id)
    await goBack()
    await a.engine.start()
    await until(async () => (await typesOf(id)).length === 3)
    expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'xstate.after.closing.door.open'])
    expect(await timersOf(id)).toEqual([])
  })

  it('R13.2 is not overwritten by a process that remembers the same version of the lost history', async () => {
    const id = await newDoor(a.engine)
    await a.open(id)
    const goBack = await rememberHistory(sql)
    await a.take(id, 'lost')
    await new Promise(resolve => setTimeout(resolve, 2)) // stamps are milliseconds
    await goBack()
    expect(briefly(await b.shut(id))).toBe('applied 3')
    // `a` remembers version 3 too, with the key taken and the door open.
    expect(briefly(await a.giveBack(id))).toBe('KEY_NOT_THERE 3')
    expect(briefly(await a.open(id))).toBe('applied 4')
    expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'close', 'open'])
  })

  it('R13.2 makes the process forget everything at the first sign', async () => {
    const [first, second] = [await newDoor(a.engine), await newDoor(a.engine)]
    const goBack = await rememberHistory(sql)
    await a.open(first)
    await a.engine.send(second, { type: 'brick.up' }, { actor: { id: 'x', role: 'admin' } })
    expect(a.engine.refuseFromMemory(second, 'open')).toMatchObject({ reason: 'BRICKED' })
    await goBack()
    expect(await a.engine.get(first)).toMatchObject({ version: 1 })
    expect(a.engine.refuseFromMemory(second, 'open')).toBeUndefined()
    expect(a.engine.recall(second, 1)).toBeUndefined()
  })

  it('R13.2 has its own events delivered, though the process still delivers one with the same key', async () => {
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const told: string[] = []
    const c = openEngine(connectionString, {
      subscribers: [
        {
          name: 'slow',
          wants: () => true,
          async handle({ payload, type }) {
            told.push(`${type} ${String(payload.who)}`)
            if (payload.who === 'lost') await held
          },
        },
      ],
    })
    const id = await newDoor(c.engine)
    await until(async () => Number((await sql.query('select count(*) as n from outbox')).rows[0].n) === 0)
    const goBack = await rememberHistory(sql)
    const actor = { id: 'x', role: 'admin' }
    await c.engine.send(id, { type: 'open', who: 'lost' }, { actor })
    await until(() => told.includes('door.opened lost'))
    await goBack()
    await c.engine.get(id)
    await c.engine.send(id, { type: 'open', who: 'found' }, { actor })
    release()
    await c.engine.start()
    await until(() => told.includes('door.opened found'))
    await until(async () => Number((await sql.query('select count(*) as n from outbox')).rows[0].n) === 0)
    await c.close()
  })
})
