/* Timers fire in the order in which a running XState actor would fire them, whichever process does. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine, type EngineOptions } from '../../../src/runtime/engine.js'
import type { Store } from '../../../src/runtime/ports.js'
import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import {
  type Arming,
  armAll,
  newChime,
  plainOrder,
  rungAfter,
  rungOf,
  standingClock,
} from '../../support/engine/chimes.js'
import { until } from '../../support/engine/engine.js'
import { controlledFaults } from '../../support/engine/faults.js'
import { type Bell, chimeDefinition } from '../../support/machines/chime.js'
import { actor } from '../../support/machines/doors.js'
import { trafficLightDefinition } from '../../support/machines/traffic-light.js'

const definitions = [chimeDefinition, trafficLightDefinition as unknown as Definition]
const DUE_MS = 300
const LONG_MS = 3_600_000
const bells = (names: string, delayMs = DUE_MS): Bell[] => [...names].map(name => ({ name, delayMs }))

const scripts: readonly (readonly [string, readonly Arming[]])[] = [
  ['armed by one transition', [{ atMs: 0, bells: bells('ABCD') }]],
  [
    'armed by several transitions',
    [
      { atMs: 0, bells: bells('ZY') },
      { atMs: 100, bells: bells('XWV', DUE_MS - 100) },
      { atMs: 200, bells: bells('U', DUE_MS - 200) },
    ],
  ],
  [
    'some of which are armed again and take their new places',
    [
      { atMs: 0, bells: bells('ABCD') },
      { atMs: 10, bells: bells('CA', DUE_MS - 10) },
      { atMs: 20, bells: [...bells('E', DUE_MS - 20), ...bells('D', DUE_MS - 21)] },
    ],
  ],
  [
    'that arm others for the same millisecond when they ring',
    [
      { atMs: 0, bells: [{ name: 'A', delayMs: DUE_MS, next: bells('NO', 0) }, ...bells('B')] },
      { atMs: 50, bells: [{ name: 'C', delayMs: DUE_MS - 51, next: bells('PQ', 1) }, ...bells('D', 250)] },
    ],
  ],
]

const places = {
  async memory() {
    const database = new MemoryDatabase()
    return { connect: (): Store => createMemoryStore({ database }), async drop() {} }
  },
  async Postgres() {
    const { connectionString, drop } = await createTestDatabase()
    return { connect: (): Store => createPostgresStore({ connectionString }), drop }
  },
}

describe.each(['memory', 'Postgres'] as const)('timers on %s', kind => {
  let place: Awaited<ReturnType<(typeof places)[typeof kind]>>
  let closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    place = await places[kind]()
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
    closing = []
  })
  afterAll(() => place.drop())

  /** An engine as another process would have it. */
  function open(options: Partial<EngineOptions> = {}) {
    const store = place.connect()
    const engine = createEngine({ store, definitions, ...options })
    closing.push(async () => {
      await engine.close({ withinMs: 100 })
      await store.close()
    })
    return engine
  }

  /** Timers armed `ageMs` ago by a process that has ended. */
  async function armed(armings: readonly Arming[], ageMs: number) {
    const base = Date.now() - ageMs
    const clock = standingClock(base)
    const engine = open({ clock })
    const id = await newChime(engine)
    await armAll(engine, clock, base, id, armings)
    return { id, base }
  }

  describe.each(scripts)('%s', (_name, armings) => {
    const expected = plainOrder(armings)

    it.each([
      ['while they are near', 0],
      ['when all of them are overdue', 60_000],
    ])('R10.8 fire as those of a plain actor, %s', async (_when, ageMs) => {
      const { id } = await armed(armings, ageMs)
      const heir = open()
      await heir.start()
      expect(await rungAfter(heir, id, expected.length)).toEqual(expected)
    })

    it('R10.8 fire as those of a plain actor for a caller that cannot wait', async () => {
      const { id } = await armed(armings, 60_000)
      const engine = open()
      // What is armed by those that ring is due by then too.
      await until(async () => {
        await engine.ring(id)
        return (await rungOf(engine, id)).length === expected.length
      })
      expect(await rungOf(engine, id)).toEqual(expected)
    })
  })

  it('R10.8 all fire before a later one that is armed again each time it fires, however many are overdue', async () => {
    const shiftMs = 450
    const clock = standingClock(Date.now() - 60_000)
    const input = { greenMs: 1, yellowMs: 1, shiftMs }
    const created = await open({ clock }).create('light', input, { actor })
    if (created.kind !== 'created') throw new Error('expected a light')
    const { id, createdAt } = created.instance
    const heir = open()
    await heir.start()
    await until(async () => (await heir.get(id))?.status === 'off', 20_000)
    const history = await heir.history(id)
    expect(history.map(({ at }) => at - createdAt)).toEqual(Array.from({ length: shiftMs + 1 }, (_, i) => i))
  })

  it('R10.8 fire in the order of arming, though a process that has ended leased the first of them', async () => {
    const first = { atMs: 0, bells: bells('ABC', 200) }
    const second = { atMs: 100, bells: [...bells('DE', 100), ...bells('F', 150)] }
    const base = Date.now() - 60_000
    const clock = standingClock(base)
    const engine = open({ clock })
    const id = await newChime(engine)
    await armAll(engine, clock, base, id, [first])
    const points = controlledFaults()
    const hold = points.hold('timers.leased')
    const gone = open({ faults: points.faults })
    await gone.start()
    // It has leased A, B and C, and comes no further.
    await hold.reached
    await armAll(engine, clock, base, id, [second])
    const heir = open()
    await heir.start()
    expect(await rungAfter(heir, id, 6)).toEqual(plainOrder([first, second]))
    hold.release()
  })

  it('R10.8 fire in the order of arming for a process that knows only the last of them and loses a race', async () => {
    const points = controlledFaults()
    const store = place.connect()
    const engine = open({
      faults: points.faults,
      store: {
        ...store,
        // A process that is gone had all but the last one before this one looked.
        async leaseTimers(known, options) {
          const { timers, nextDueAt } = await store.leaseTimers(known, options)
          return { timers: timers.filter(({ sendId }) => sendId === 'C'), nextDueAt }
        },
      },
    })
    const { id } = await armed([{ atMs: 0, bells: bells('ABC') }], 60_000)
    const hold = points.hold('commit.before')
    await engine.start()
    await hold.reached
    await open().send(id, { type: 'arm', bells: [{ name: 'far', delayMs: LONG_MS }] }, { actor })
    hold.release()
    expect(await rungAfter(engine, id, 3)).toEqual(['A', 'B', 'C'])
    await store.close()
  })

  it('R10.8 fire in the order of arming for two processes that poll for them', async () => {
    const armings = Array.from({ length: 8 }, (_, i) => ({
      atMs: i,
      bells: bells(`${i}`, DUE_MS - i),
    }))
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await armed(armings, 0)).id))
    const processes = [open(), open()]
    await Promise.all(processes.map(one => one.start()))
    for (const id of ids) {
      expect(await rungAfter(processes[0] as (typeof processes)[0], id, 8)).toEqual(plainOrder(armings))
    }
  })
})
