import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import { InvalidEventError, UnknownInstanceError } from '../../../src/runtime/errors.js'
import type { Outcome } from '../../../src/runtime/types.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'

const actor = { id: 'tester', role: 'admin' }
const LONG_MS = 3_600_000

const { connectionString, sql } = await useDatabase()
const opened: { close(): Promise<void> }[] = []

const open = (options: Parameters<typeof openEngine>[1] = {}) => {
  const one = openEngine(connectionString, options)
  opened.push(one)
  return one.engine
}
const count = async (text: string, ...values: unknown[]) =>
  Number((await sql.query(`select count(*) as n from ${text}`, values)).rows[0].n)
const kinds = (outcomes: readonly Outcome[]) => {
  const tally: Record<string, number> = {}
  for (const o of outcomes) {
    const word = o.kind === 'refused' ? o.reason : o.kind
    tally[word] = (tally[word] ?? 0) + 1
  }
  return tally
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
})

async function newDoor(engine = open(), owner = 'ann', closeMs = LONG_MS) {
  const created = await engine.create('door', { owner, closeMs }, { actor })
  if (created.kind !== 'created') throw new Error('expected a new door')
  return { engine, id: created.instance.id, instance: created.instance }
}

describe('a transition', () => {
  it('is one commit of the row, its journal, its events, its timer and its claims', async () => {
    const { engine, id } = await newDoor()
    const outcome = await engine.send(id, { type: 'open', who: 'bob' }, { actor })
    expect(outcome).toMatchObject({ kind: 'applied', version: 2 })
    await engine.send(id, { type: 'take.key', who: 'bob' }, { actor })

    const stored = await engine.get(id)
    expect(stored).toMatchObject({ version: 3, status: 'open', owner: 'ann' })
    const history = await engine.history(id)
    expect(history.map(h => [h.version, h.event.type, h.status, h.actor.id])).toEqual([
      [1, 'xstate.init', 'closed', 'tester'],
      [2, 'open', 'open', 'tester'],
      [3, 'take.key', 'open', 'tester'],
    ])
    expect(await count('events where instance = $1', id)).toBe(2)
    expect(await count('timers where instance = $1 and generation = 2', id)).toBe(1)
    expect(await count("claims where instance = $1 and key = 'key:bob'", id)).toBe(1)
    await engine.send(id, { type: 'return.key' }, { actor })
    await engine.send(id, { type: 'close' }, { actor })
    expect(await count('timers where instance = $1', id)).toBe(0)
    expect(await count('claims where instance = $1', id)).toBe(0)
  })

  it('gives the machine a uid of its own for new ids, and journals it', async () => {
    const { engine, id } = await newDoor()
    const outcome = await engine.send(id, { type: 'open', who: 'bob' }, { actor })
    if (outcome.kind !== 'applied') throw new Error('expected the door to open')
    expect(outcome.instance.snapshot.context.passages).toEqual([{ id: outcome.uid, who: 'bob' }])
    expect((await engine.history(id, { after: 1 }))[0]?.uid).toBe(outcome.uid)
  })

  it('never has a stamp earlier than the one before', async () => {
    const { engine, id } = await newDoor()
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        engine.send(id, { type: i % 2 ? 'close' : 'open', who: 'x' }, { actor }).catch(() => {}),
      ),
    )
    const stamps = (await engine.history(id)).map(h => h.at)
    expect(stamps).toEqual([...stamps].sort((a, b) => a - b))
  })

  it('of an unknown instance, command or payload is a clear error and writes nothing', async () => {
    const { engine, id } = await newDoor()
    await expect(
      engine.send('019a0000-0000-7000-8000-000000000000', { type: 'open' }, { actor }),
    ).rejects.toThrow(UnknownInstanceError)
    for (const event of [
      { type: 'xstate.after.closing.door.open' },
      { type: 'sing' },
      { type: 'open', who: 7 },
    ]) {
      await expect(engine.send(id, event, { actor })).rejects.toThrow(InvalidEventError)
    }
    expect(await engine.get(id)).toMatchObject({ version: 1 })
  })
})

describe('many at once', () => {
  it('exactly one of fifty opens a door, on one engine', async () => {
    const { engine, id } = await newDoor()
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => engine.send(id, { type: 'open', who: `w${i}` }, { actor })),
    )
    expect(kinds(outcomes)).toEqual({ applied: 1, ALREADY_OPEN: 49 })
    expect(await engine.get(id)).toMatchObject({ version: 2 })
  })

  it('exactly one of fifty opens a door, on two engines', async () => {
    const { engine, id } = await newDoor()
    const other = open()
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? engine : other).send(id, { type: 'open', who: `w${i}` }, { actor }),
      ),
    )
    expect(kinds(outcomes)).toEqual({ applied: 1, ALREADY_OPEN: 49 })
  })

  it('creates hundreds of instances in few commits', async () => {
    const engine = open()
    const made = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        engine.create('door', { owner: `o${i}`, closeMs: LONG_MS }, { actor }),
      ),
    )
    expect(made.every(m => m.kind === 'created')).toBe(true)
    const xmins = await sql.query(
      "select count(distinct xmin::text) as n from instances where owner like 'o%'",
    )
    expect(Number(xmins.rows[0].n)).toBeLessThan(20)
  })

  it('lets an urgent event go before those that wait with it', async () => {
    const { engine, id } = await newDoor()
    const outcomes = await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => engine.send(id, { type: 'open', who: `w${i}` }, { actor })),
      engine.send(id, { type: 'brick.up' }, { actor }),
    ])
    expect(kinds(outcomes)).toEqual({ applied: 1, BRICKED: 20 })
  })

  it('applies an event with If-Match only at that version', async () => {
    const { engine, id } = await newDoor()
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => engine.send(id, { type: 'open', who: 'w' }, { actor, ifVersion: 1 })),
    )
    expect(kinds(outcomes)).toEqual({ applied: 1, STALE_VERSION: 4 })
  })
})

describe('a claim', () => {
  it('is held by one instance: of two doors that want one key, one gets it', async () => {
    const engine = open()
    const doors = await Promise.all(Array.from({ length: 10 }, () => newDoor(engine)))
    const outcomes = await Promise.all(
      doors.map(({ id }) => engine.send(id, { type: 'take.key', who: 'carl' }, { actor })),
    )
    expect(kinds(outcomes)).toEqual({ applied: 1, HAS_ANOTHER_KEY: 9 })
    expect(await count("claims where key = 'key:carl'")).toBe(1)
  })

  it('is held by one instance across engines', async () => {
    const engine = open()
    const other = open()
    const doors = await Promise.all(Array.from({ length: 20 }, () => newDoor(engine)))
    const outcomes = await Promise.all(
      doors.map(({ id }, i) =>
        (i % 2 ? engine : other).send(id, { type: 'take.key', who: 'dora' }, { actor }),
      ),
    )
    expect(kinds(outcomes)).toEqual({ applied: 1, HAS_ANOTHER_KEY: 19 })
  })

  it('that is taken does not make two events alternate for ever: both are refused', async () => {
    const { engine, id } = await newDoor()
    for (const who of ['una', 'vera']) {
      const { id: holder } = await newDoor(engine)
      await engine.send(holder, { type: 'take.key', who }, { actor })
    }
    // Only one key hangs there: refused to the first, it is there for the second, who may not have it either.
    const outcomes = await Promise.all(
      ['una', 'vera'].map(who => engine.send(id, { type: 'take.key', who }, { actor })),
    )
    expect(kinds(outcomes)).toEqual({ HAS_ANOTHER_KEY: 2 })
  })

  it('that is taken refuses only its own event; other events of that instance continue', async () => {
    const { engine, id } = await newDoor()
    const { id: holder } = await newDoor(engine)
    await engine.send(holder, { type: 'take.key', who: 'emil' }, { actor })
    const outcomes = await Promise.all([
      engine.send(id, { type: 'take.key', who: 'emil' }, { actor }),
      engine.send(id, { type: 'open', who: 'emil' }, { actor }),
      engine.send(id, { type: 'take.key', who: 'fay' }, { actor }),
    ])
    expect(outcomes.map(o => (o.kind === 'refused' ? o.reason : o.kind))).toEqual([
      'HAS_ANOTHER_KEY',
      'applied',
      'applied',
    ])
    expect(outcomes[0]).toMatchObject({ refusal: { holder } })
  })

  it('freed by one instance can be taken by another in the next commit', async () => {
    const { engine, id } = await newDoor()
    const { id: second } = await newDoor(engine)
    await engine.send(id, { type: 'take.key', who: 'gus' }, { actor })
    const [freed] = await Promise.all([
      engine.send(id, { type: 'return.key' }, { actor }),
      engine.send(second, { type: 'open', who: 'gus' }, { actor }),
    ])
    expect(freed.kind).toBe('applied')
    expect(await engine.send(second, { type: 'take.key', who: 'gus' }, { actor })).toMatchObject({
      kind: 'applied',
    })
  })
})

describe('a refusal', () => {
  it('is based on the present version, not on the memory of this process', async () => {
    const { engine, id } = await newDoor()
    const other = open()
    await engine.send(id, { type: 'open', who: 'x' }, { actor })
    await other.send(id, { type: 'close' }, { actor })
    expect(await engine.send(id, { type: 'open', who: 'y' }, { actor })).toMatchObject({
      kind: 'applied',
      version: 4,
    })
  })

  it('is given from memory only when no later event could change it', async () => {
    const { engine, id } = await newDoor()
    await engine.send(id, { type: 'open', who: 'x' }, { actor })
    expect(engine.refuseFromMemory(id, 'open')).toBeUndefined()
    await engine.send(id, { type: 'brick.up' }, { actor })
    expect(engine.refuseFromMemory(id, 'open')).toEqual({ reason: 'BRICKED' })
    expect(engine.refuseFromMemory(id, 'take.key')).toBeUndefined()
  })
})

describe('a timer', () => {
  it('fires when it is due, with its due time as the stamp', async () => {
    const engine = open()
    await engine.start()
    const { id } = await newDoor(engine, 'ann', 150)
    await engine.send(id, { type: 'open', who: 'x' }, { actor })
    await until(async () => (await engine.get(id))?.status === 'closed')
    const [, opening, closing] = await engine.history(id)
    expect(closing).toMatchObject({
      event: { type: 'xstate.after.closing.door.open' },
      actor: { id: 'timer' },
    })
    expect((closing?.at ?? 0) - (opening?.at ?? 0)).toBe(150)
    expect(await count('timers where instance = $1', id)).toBe(0)
  })

  it.each([
    ['while they are due one after the other', 0],
    ['when all of them are overdue', 600],
  ])(
    'armed by a process that has ended fires on another, once, and steps do not drift, %s',
    async (_when, lateMs) => {
      const gone = openEngine(connectionString)
      const created = await gone.engine.create(
        'light',
        { greenMs: 60, yellowMs: 40, shiftMs: 420 },
        { actor },
      )
      await gone.close()
      if (created.kind !== 'created') throw new Error('expected a light')
      const { id, createdAt } = created.instance
      await delay(lateMs)
      const heir = open()
      await heir.start()
      await until(async () => (await heir.get(id))?.status === 'off')
      const history = await heir.history(id)
      expect(history.map(h => h.at - createdAt)).toEqual([0, 60, 100, 160, 200, 260, 300, 360, 400, 420])
      expect(history.map(h => h.version)).toEqual(history.map((_, i) => i + 1))
    },
  )

  it('fire in due order, even if a later one was queued before the commit that armed an earlier one', async () => {
    let commits = 0
    // The commit of the first timer takes until the last one is due.
    const faults = (point: string) => (point === 'commit.before' && ++commits === 2 ? delay(600) : undefined)
    const late = openEngine(connectionString, { faults })
    await late.engine.start()
    const input = { greenMs: 60, yellowMs: 40, shiftMs: 420 }
    const created = await late.engine.create('light', input, { actor })
    if (created.kind !== 'created') throw new Error('expected a light')
    const { id, createdAt } = created.instance
    await until(async () => (await late.engine.get(id))?.status === 'off')
    const history = await late.engine.history(id)
    expect(history.map(h => h.at - createdAt)).toEqual([0, 60, 100, 160, 200, 260, 300, 360, 400, 420])
    await late.close()
  })

  it('that was cancelled in the meantime changes nothing', async () => {
    const { engine, id } = await newDoor(open(), 'ann', 1)
    await engine.send(id, { type: 'open', who: 'x' }, { actor })
    await engine.send(id, { type: 'close' }, { actor })
    const { id: later } = await newDoor(engine, 'ann', 1)
    await engine.send(later, { type: 'open', who: 'x' }, { actor })
    await engine.start()
    await until(async () => (await engine.get(later))?.status === 'closed')
    expect(await engine.get(id)).toMatchObject({ version: 3 })
  })
})

describe('an emitted event', () => {
  it('is delivered in order, once, and leaves the outbox', async () => {
    const recorder = recordingSubscriber()
    const engine = open({ subscribers: [recorder] })
    const { id } = await newDoor(engine)
    for (let i = 0; i < 5; i++) {
      await engine.send(id, { type: 'open', who: `w${i}` }, { actor })
      await engine.send(id, { type: 'close' }, { actor })
    }
    await until(() => recorder.events.length === 11)
    expect(recorder.events.map(e => e.version)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1))
    expect(recorder.events[1]).toMatchObject({
      type: 'door.opened',
      machine: 'door',
      payload: { who: 'w0' },
      audience: ['ann', 'w0'],
    })
    await until(async () => (await count('outbox where instance = $1', id)) === 0)
  })

  it('that a dead process left is delivered by another when the lease has run out, and marked late', async () => {
    const stuck = { name: 'recorder', wants: () => true, handle: () => new Promise<void>(() => {}) }
    const dying = openEngine(connectionString, { subscribers: [stuck] })
    const { id } = await newDoor(dying.engine)
    await sql.query('update outbox set due_at = now() where instance = $1', [id])
    await sql.query("update events set recorded_at = now() - interval '6 seconds' where instance = $1", [id])
    const recorder = recordingSubscriber()
    const engine = open({ subscribers: [recorder] })
    await engine.start()
    await until(() => recorder.events.some(e => e.instance === id))
    await until(async () => (await count('outbox where instance = $1', id)) === 0)
    expect(await count('events where instance = $1 and late_at is not null', id)).toBe(1)
    await dying.store.close()
  })

  it('whose subscriber fails is retried; other subscribers do not wait for it', async () => {
    const recorder = recordingSubscriber('steady')
    let failures = 0
    const flaky = {
      name: 'flaky',
      wants: () => true,
      handle: () => {
        failures++
        if (failures === 1) throw new Error('not now')
      },
    }
    const engine = open({ subscribers: [flaky, recorder] })
    await engine.start()
    const { id } = await newDoor(engine)
    await until(() => recorder.events.length === 1)
    await until(async () => (await count('outbox where instance = $1', id)) === 0)
    expect(failures).toBe(2)
  })
})
