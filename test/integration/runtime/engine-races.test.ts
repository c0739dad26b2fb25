/* Two engines on one database, one of them stopped at a fault point while the other acts on the same instances. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { FAULT_POINTS, type FaultPoint } from '../../../src/runtime/faults.js'
import type { Outcome } from '../../../src/runtime/types.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'
import { type ControlledFaults, controlledFaults } from '../../support/engine/faults.js'
import { briefly, callerOf, newDoor, newDoors, wordOf } from '../../support/machines/doors.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined

const { connectionString, sql } = await useDatabase()
let points: ControlledFaults
let [a, b]: ReturnType<typeof openEngine>[] = []
let told: { a: ReturnType<typeof recordingSubscriber>; b: ReturnType<typeof recordingSubscriber> }

beforeEach(async () => {
  await sql.query('truncate instances, journal, events, outbox, timers, claims')
  points = controlledFaults()
  told = { a: recordingSubscriber(), b: recordingSubscriber() }
  a = openEngine(connectionString, { subscribers: [told.a], faults: points.faults })
  b = openEngine(connectionString, { subscribers: [told.b] })
})
afterEach(async () => {
  await Promise.all([a?.close(), b?.close()])
  expect(await violationsOf(sql)).toEqual([])
})

/** Both engines; the first stops at the fault points that a test holds. */
function both() {
  if (a === undefined || b === undefined) throw new Error('no engines')
  return { a: { ...a, ...callerOf(a.engine) }, b: { ...b, ...callerOf(b.engine) } }
}
const count = async (text: string, ...values: unknown[]) =>
  Number((await sql.query(`select count(*) as n from ${text}`, values)).rows[0].n)
const journalOf = async (id: string) =>
  (await sql.query('select event_json as event, uid from journal where instance = $1 order by version', [id]))
    .rows
const typesOf = async (id: string) => (await journalOf(id)).map(row => row.event.type)
/** As time would: what a process holds by lease is open to others. */
const expireLeases = async () => {
  await sql.query('update timers set leased_until = now() where leased_until is not null')
  await sql.query('update outbox set due_at = now()')
}

describe('an engine that is delayed', () => {
  it('between decision and commit loses to another, and decides again on the new state', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine)
    const hold = points.hold('commit.before')
    const late = a.open(id)
    await hold.reached
    expect(briefly(await b.open(id))).toBe('applied 2')
    hold.release()
    expect(briefly(await late)).toBe('ALREADY_OPEN 2')
  })

  it('between decision and commit still wins if the other’s change leaves room for it', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine)
    const hold = points.hold('commit.before')
    const late = a.open(id)
    await hold.reached
    await b.open(id)
    await b.shut(id)
    hold.release()
    expect(briefly(await late)).toBe('applied 4')
  })

  it.each<FaultPoint>(['commit.sent', 'commit.after'])(
    'at %s has won: the other is refused before the winner has its answer',
    async point => {
      const { a, b } = both()
      const id = await newDoor(a.engine)
      const hold = points.hold(point)
      const first = a.open(id)
      await hold.reached
      await until(async () => (await count('journal where instance = $1', id)) === 2)
      expect(briefly(await b.open(id))).toBe('ALREADY_OPEN 2')
      hold.release()
      expect(briefly(await first)).toBe('applied 2')
    },
  )

  it('before it reads sees the other’s change', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine)
    const hold = points.hold('read.before')
    const unsure = a.shut(id) // the door is shut, as far as this process knows
    await hold.reached
    await b.open(id)
    hold.release()
    expect(briefly(await unsure)).toBe('applied 3')
  })

  it('after it has read answers with the state at a time while its caller waited', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine)
    const hold = points.hold('read.after')
    const unsure = a.shut(id)
    await hold.reached
    await b.open(id)
    hold.release()
    expect(briefly(await unsure)).toBe('unchanged 1')
    expect(briefly(await a.shut(id))).toBe('applied 3')
  })

  it('with a burst under If-Match answers each by the version that it was compared with', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine)
    const hold = points.hold('commit.before')
    const burst = [a.open(id, 1), a.shut(id, 2), a.open(id, 2), a.open(id, 3)]
    await hold.reached
    await b.take(id, 'k')
    hold.release()
    // Version 2 is the other's now: the first fails, and the others find the door shut at version 2.
    expect((await Promise.all(burst)).map(briefly)).toEqual([
      'STALE_VERSION 2',
      'unchanged 2',
      'applied 3',
      'ALREADY_OPEN 3',
    ])
  })

  it('with an urgent event and a loser answers both after the one commit', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine)
    const hold = points.hold('commit.before')
    const answered: string[] = []
    const note = (outcome: Outcome) => void answered.push(briefly(outcome))
    const burst = [a.open(id).then(note), a.brickUp(id).then(note)]
    await hold.reached
    expect(answered).toEqual([])
    await b.open(id)
    hold.release()
    await Promise.all(burst)
    expect(answered.sort()).toEqual(['BRICKED 3', 'applied 3'])
  })
})

describe('a timer leased by two engines', () => {
  it('is applied once', async () => {
    const { a, b } = both()
    const hold = points.hold('timers.leased')
    const ids = await newDoors(a.engine, 5, 1)
    await Promise.all(ids.map(id => a.open(id)))
    await a.engine.start()
    await hold.reached
    await until(async () => (await count('timers where leased_until is not null')) === 5)
    await expireLeases()
    await b.engine.start()
    await until(async () => (await count('timers')) === 0)
    hold.release()
    await until(async () => (await Promise.all(ids.map(typesOf))).every(types => types.length === 3))
    await a.engine.close()
    for (const id of ids)
      expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'xstate.after.closing.door.open'])
  })

  it('that is armed again does not fire for the earlier arming', async () => {
    const { a, b } = both()
    const hold = points.hold('timers.leased')
    const id = await newDoor(a.engine, 1)
    await a.open(id)
    await a.engine.start()
    await hold.reached
    // The other shuts and opens the door: the same timer, of a later generation, far from due.
    await b.shut(id)
    await b.open(id)
    hold.release()
    await a.engine.close() // finishes what it leased
    expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'close', 'open'])
  })

  it('in one burst with a command: if the other engine fired the timer, only the command is applied', async () => {
    const { a, b } = both()
    const id = await newDoor(a.engine, 1)
    await a.open(id)
    const leased = points.hold('timers.leased')
    const committing = points.hold('commit.before')
    await a.engine.start()
    await leased.reached
    leased.release()
    await committing.reached // the timer's event is decided
    const command = a.open(id) // waits for its turn: after the timer's
    await expireLeases()
    await b.engine.start()
    await until(async () => (await count('timers where instance = $1', id)) === 0)
    committing.release()
    expect(briefly(await command)).toBe('applied 4')
    expect((await typesOf(id)).slice(0, 4)).toEqual([
      'xstate.init',
      'open',
      'xstate.after.closing.door.open',
      'open',
    ])
  })
})

describe('a delivery leased by two engines', () => {
  it.each<FaultPoint>(['delivery.before', 'delivery.after', 'outbox.leased'])(
    'while one is held at %s is made by the other, and leaves the outbox',
    async point => {
      const { a, b } = both()
      if (point === 'outbox.leased') await leaveUndelivered(3)
      const hold = points.hold(point)
      if (point === 'outbox.leased') await a.engine.start()
      else await newDoors(a.engine, 3)
      await hold.reached
      await expireLeases()
      await b.engine.start()
      await until(async () => (await count('outbox')) === 0)
      expect(new Set(told.b.events.map(e => e.instance)).size).toBe(3)
      hold.release()
      await a.engine.close()
      expect(await count('outbox')).toBe(0)
    },
  )
})

/** The sweeper has work only when a process has died before. */
async function leaveUndelivered(doors: number): Promise<void> {
  const stuck = { name: 'recorder', wants: () => true, handle: () => new Promise<void>(() => {}) }
  const dying = openEngine(connectionString, { subscribers: [stuck] })
  await newDoors(dying.engine, doors)
  await expireLeases()
  await dying.store.close()
}

describe('a claim', () => {
  it('wanted in two batches on two engines goes to one, and both batches are otherwise committed', async () => {
    const { a, b } = both()
    for (let round = 0; round < 10; round++) {
      const mine = await newDoors(a.engine, 6)
      const theirs = await newDoors(b.engine, 6)
      const hold = points.hold('commit.before')
      const batches = [
        ...mine.map((id, i) => a.take(id, i === 3 ? `wanted${round}` : `mine${round}.${i}`)),
        ...theirs.map((id, i) => b.take(id, i === 3 ? `wanted${round}` : `theirs${round}.${i}`)),
      ]
      await hold.reached
      hold.release()
      const words = (await Promise.all(batches)).map(wordOf)
      expect(words.filter(word => word === 'applied')).toHaveLength(11)
      expect([words[3], words[9]].sort()).toEqual(['HAS_ANOTHER_KEY', 'applied'])
    }
  })

  it('that changes hands between two engines in opposite directions never has two holders', async () => {
    const { a, b } = both()
    const rounds = isLong ? 300 : 40
    const [left = '', right = ''] = await newDoors(a.engine, 2)
    let [leftKey, rightKey] = ['k1', 'k2']
    await a.take(left, leftKey)
    await b.take(right, rightKey)
    for (let round = 0; round < rounds; round++) {
      const [, takenLeft, , takenRight] = await Promise.all([
        a.giveBack(left),
        a.take(left, rightKey),
        b.giveBack(right),
        b.take(right, leftKey),
      ])
      if (takenLeft.kind === 'applied' && takenRight.kind === 'applied') {
        ;[leftKey, rightKey] = [rightKey, leftKey]
        continue
      }
      // The refused doors have no key now: each gets one again.
      await Promise.all([a.giveBack(left), b.giveBack(right)])
      expect(wordOf(await a.take(left, leftKey))).toBe('applied')
      expect(wordOf(await b.take(right, rightKey))).toBe('applied')
    }
    expect(await count('claims')).toBe(2)
  })

  it('that fails invalidates refusals that were based on it: they are decided again', async () => {
    const { a, b } = both()
    const [id = '', other = ''] = await newDoors(a.engine, 2)
    const hold = points.hold('commit.before')
    // Decided together: the first gets the key, so the second finds one there. But then the first fails.
    const burst = [a.take(id, 'x'), a.take(id, 'y'), a.giveBack(id), a.open(id), a.giveBack(id)]
    await hold.reached
    await b.take(other, 'x')
    hold.release()
    expect((await Promise.all(burst)).map(briefly)).toEqual([
      'HAS_ANOTHER_KEY 1',
      'applied 2',
      'applied 3',
      'applied 4',
      'KEY_NOT_THERE 4',
    ])
  })

  it('that another held at the look-up goes to the next command after it was freed', async () => {
    const { a, b } = both()
    const [id = '', other = ''] = await newDoors(a.engine, 2)
    await b.take(other, 'x')
    const hold = points.hold('commit.after')
    const tooEarly = a.take(id, 'x')
    await hold.reached // the database has said whose key it is
    await b.giveBack(other)
    const inTime = a.take(id, 'x') // waits in the same mailbox, and came after the key was free
    hold.release()
    expect((await Promise.all([tooEarly, inTime])).map(briefly)).toEqual(['HAS_ANOTHER_KEY 1', 'applied 2'])
  })
})

/** What became of a caller's commands: each applied one has a journal row, each version one winner. */
async function checkAgainstJournal(outcomes: readonly Outcome[]): Promise<void> {
  const applied = outcomes.flatMap(o => (o.kind === 'applied' ? [o] : []))
  const names = applied.map(o => `${o.instance.id} ${o.version}`)
  expect(new Set(names).size).toBe(names.length)
  const { rows } = await sql.query('select uid, instance, version from journal')
  const journal = new Map(rows.map(row => [row.uid, `${row.instance} ${row.version}`]))
  expect(journal.size).toBe(rows.length)
  expect(applied.map(o => journal.get(o.uid))).toEqual(names)
}

/** Everything a door can do, some of it by timers. */
async function workOn(
  engine: ReturnType<typeof both>['a'],
  ids: readonly string[],
  name: string,
  rounds: number,
) {
  const outcomes: Outcome[] = []
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all(
      ids.flatMap(id => [
        engine.open(id),
        engine.take(id, `${name}${round % 2}`),
        engine.shut(id),
        engine.giveBack(id),
      ]),
    )
    // Mostly shut by now: what changes nothing has to be confirmed by a read.
    outcomes.push(...answers, ...(await Promise.all(ids.map(id => engine.shut(id)))))
  }
  return outcomes
}

describe.each(FAULT_POINTS.map(point => [point]))('with one engine delayed at %s', point => {
  it('the other continues, and nothing is lost or done twice when the first resumes', async () => {
    const { a, b } = both()
    const ids = await newDoors(b.engine, 4, 30)
    if (point === 'outbox.leased') await leaveUndelivered(1)
    await Promise.all([a.engine.start(), b.engine.start()])
    const hold = points.hold(point)
    const held = workOn(a, ids, 'shared', 3)
    await Promise.all([hold.reached, workOn(b, ids, 'b', 1)])
    await expireLeases()
    const free = await workOn(b, ids, 'shared', 5)
    hold.release()
    await checkAgainstJournal([...(await held), ...free])
    await until(async () => (await count('timers')) === 0 && (await count('outbox')) === 0)
    const events = await sql.query("select instance || '.' || version || '.' || index as name from events")
    const heard = new Set(
      [...told.a.events, ...told.b.events].map(e => `${e.instance}.${e.version}.${e.index}`),
    )
    expect(events.rows.filter(row => !heard.has(row.name))).toEqual([])
  })
})

it('an engine slow at every point and a fast one reach the same doors', async () => {
  const { b } = both()
  const slow = openEngine(connectionString, {
    faults: () => new Promise(resolve => setTimeout(resolve, Math.random() * 20)),
    subscribers: [recordingSubscriber()],
  })
  const ids = await newDoors(b.engine, 4, 30)
  await Promise.all([slow.engine.start(), b.engine.start()])
  const rounds = isLong ? 100 : 8
  const [slowly, quickly] = await Promise.all([
    workOn({ ...slow, ...callerOf(slow.engine) }, ids, 'shared', rounds),
    workOn(b, ids, 'shared', rounds * 3),
  ])
  await checkAgainstJournal([...slowly, ...quickly])
  await until(async () => (await count('timers')) === 0)
  await slow.close()
})
