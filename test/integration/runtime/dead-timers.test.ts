/* A timer whose transition fails is fired again after growing pauses, then is a dead letter. Nothing else suffers. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Engine } from '../../../src/runtime/api.js'
import { type AuditStore, audit } from '../../../src/runtime/audit.js'
import type { DeadTimer } from '../../../src/runtime/dead-letters.js'
import { createEngine, type EngineOptions } from '../../../src/runtime/engine.js'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'
import type { Store, StoredTimer } from '../../../src/runtime/ports.js'
import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { controlledFaults } from '../../support/engine/faults.js'
import { actor } from '../../support/machines/doors.js'
import {
  FAULTS,
  FUSES_TABLE,
  type Fuse,
  fuseDefinition,
  fuseV2Definition,
  WATCH,
} from '../../support/machines/fuse.js'

const definitions = [fuseDefinition]
const LONG_MS = 3_600_000
const FAILED_FOR_GOOD = 8

interface Place {
  connect(): Store
  readonly auditStore: AuditStore
  /** The pause of each timer that failed is over. */
  hasten(): Promise<void>
  /** The timer is due, as if its time had come. */
  makeDue(instance: string, sendId: string): Promise<void>
  drop(): Promise<void>
}

const places = {
  async memory(): Promise<Place> {
    const database = new MemoryDatabase()
    const { timers } = database.tables
    return {
      connect: () => createMemoryStore({ database }),
      auditStore: database.auditStore,
      async hasten() {
        for (const [name, row] of timers) if (row.timer.attempts) timers.set(name, { ...row, leasedUntil: 0 })
      },
      async makeDue(instance, sendId) {
        const row = timers.get(`${instance} ${sendId}`)
        if (row === undefined) throw new Error(`${instance} has no timer ${sendId}`)
        timers.set(`${instance} ${sendId}`, { ...row, timer: { ...row.timer, dueAt: Date.now() } })
      },
      async drop() {},
    }
  },
  async Postgres(): Promise<Place> {
    const { connectionString, drop } = await createTestDatabase()
    const sql = new pg.Pool({ connectionString, max: 2 })
    await sql.query(FUSES_TABLE)
    return {
      connect: () => createPostgresStore({ connectionString }),
      auditStore: createAuditStore(sql),
      async hasten() {
        await sql.query('update timers set leased_until = null where attempts > 0')
      },
      async makeDue(instance, sendId) {
        const text = 'update timers set due_at = clock_timestamp() where instance = $1 and send_id = $2'
        expect((await sql.query(text, [instance, sendId])).rowCount).toBe(1)
      },
      async drop() {
        await sql.end()
        await drop()
      },
    }
  },
}

describe.each(['memory', 'Postgres'] as const)('a timer that fails, on %s', kind => {
  let place: Place
  const closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    place = await places[kind]()
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })
  afterAll(() => place.drop())

  function open(options: Partial<EngineOptions> & { alter?: (store: Store) => Store } = {}): Engine {
    const { alter = store => store, ...given } = options
    const store = place.connect()
    const engine = createEngine({ store: alter(store), definitions, ...given })
    closing.push(async () => {
      await engine.close({ withinMs: 500 })
      await store.close()
    })
    return engine
  }

  const send = (engine: Engine, id: string, event: { type: string } & Record<string, unknown>) =>
    engine.send(id, event, { actor })

  async function laid(engine: Engine, ...fuses: Fuse[]): Promise<string> {
    const created = await engine.create('fuse', {}, { actor })
    if (created.kind !== 'created') throw new Error('expected a new fuse')
    await send(engine, created.instance.id, { type: 'lay', fuses })
    return created.instance.id
  }

  const burntOf = async (engine: Engine, id: string) => (await engine.get(id))?.snapshot.context.burnt
  const lettersOf = async (engine: Engine, id: string) =>
    (await engine.deadLetters()).filter(
      (letter): letter is DeadTimer => letter.kind === 'timer' && letter.instance === id,
    )

  async function timersOf(id: string): Promise<readonly StoredTimer[]> {
    for (let after: string | undefined; ; ) {
      const page = await place.auditStore.page(after, 100, definitions)
      const found = page.find(({ instance }) => instance.id === id)
      after = page.at(-1)?.instance.id
      if (found !== undefined || after === undefined) return found?.timers ?? []
    }
  }
  const parkedOf = async (id: string) =>
    Object.fromEntries((await timersOf(id)).map(({ sendId, parked }) => [sendId, parked ?? 'armed']))

  /** What the audit finds about the instance. */
  async function violationsOf(id: string): Promise<string[]> {
    const found: string[] = []
    for await (const { instance, message } of audit(place.auditStore, definitions)) {
      if (instance === id) found.push(message)
    }
    return found
  }

  /** Fires the due timers of the instance repeatedly, without the pauses. */
  async function failForGood(engine: Engine, id: string): Promise<DeadTimer> {
    for (let attempts = 0; attempts < FAILED_FOR_GOOD; attempts++) {
      expect(await lettersOf(engine, id)).toEqual([])
      await engine.ring(id)
      await place.hasten()
    }
    const [letter, ...others] = await lettersOf(engine, id)
    expect(others).toEqual([])
    if (letter === undefined) throw new Error('expected a dead letter')
    return letter
  }

  // The database in memory knows no constraints.
  it.each(FAULTS.filter(fault => fault !== 'row' || kind === 'Postgres'))(
    'R10.8 is a dead letter after eight attempts, and fires at once when it is redriven: %s',
    async fault => {
      const engine = open()
      const id = await laid(engine, { name: fault, delayMs: 0, fault })
      const letter = await failForGood(engine, id)
      expect(letter).toMatchObject({
        machine: 'fuse',
        sendId: fault,
        generation: 2,
        type: 'burn',
        attempts: FAILED_FOR_GOOD,
        error: expect.stringMatching(/[Ee]rror: ./),
      })
      // It is left alone, and does not count as missing.
      await engine.ring(id)
      expect(await engine.get(id)).toMatchObject({ version: 2 })
      expect(await parkedOf(id)).toMatchObject({ [fault]: 'dead', [WATCH]: 'armed' })
      expect(await violationsOf(id)).toEqual([])

      // The instance lives.
      expect(await send(engine, id, { type: 'mend' })).toMatchObject({ kind: 'applied' })
      const worker = open()
      await worker.start()
      expect(await engine.redrive(letter.id)).toBe(true)
      await until(async () => (await burntOf(engine, id))?.length === 1)
      expect((await engine.history(id)).at(-1)).toMatchObject({ actor: { sendId: fault } })
      expect(await lettersOf(engine, id)).toEqual([])
      expect(await violationsOf(id)).toEqual([])
    },
  )

  it('R10.8 delays no other timer, neither of its own instance nor of others', async () => {
    const engine = open()
    const poisoned = FAULTS.filter(fault => fault !== 'row' || kind === 'Postgres')
    const ids = await Promise.all(
      poisoned.map(fault =>
        laid(
          engine,
          { name: 'before', delayMs: 0 },
          // The rows are those of the last snapshot of a commit.
          { name: fault, delayMs: fault === 'row' ? 2 : 0, fault },
          { name: 'after', delayMs: 0 },
          { name: 'later', delayMs: 1 },
        ),
      ),
    )
    const others = await Promise.all(ids.map(() => laid(engine, { name: 'good', delayMs: 0 })))
    const worker = open()
    await worker.start()
    const good = ['before', 'after', 'later']
    for (const id of ids) await until(async () => (await burntOf(engine, id))?.length === good.length)
    for (const id of others) await until(async () => (await burntOf(engine, id))?.length === 1)
    for (const [i, id] of ids.entries()) {
      expect(await burntOf(engine, id)).toEqual(good)
      // Only the poison one is left, and only it was counted.
      const left = (await timersOf(id)).filter(({ sendId }) => ![WATCH, 'next'].includes(sendId))
      expect(left.map(({ sendId }) => sendId)).toEqual([poisoned[i]])
      expect(await violationsOf(id)).toEqual([])
    }
  })

  it.each(['assign', 'unstorable'] as const)(
    'R10.8 and should have fired before another, in a late process, fails alone: %s',
    async fault => {
      const points = controlledFaults()
      let hasLeased = false
      const counted: string[] = []
      const engine = open({
        faults: points.faults,
        alter: store => ({
          ...store,
          async leaseTimers(known, options) {
            const { timers, nextDueAt } = await store.leaseTimers(known, options)
            // Another process is firing the poison one. This one knows of it, since it has armed it.
            const others = timers.filter(({ sendId }) => sendId !== 'poison')
            hasLeased ||= others.length > 0
            return { timers: others, nextDueAt }
          },
          async postponeTimer(timer, failure, delayMs) {
            counted.push(timer.instance)
            return store.postponeTimer(timer, failure, delayMs)
          },
        }),
      })
      const id = await laid(engine, { name: 'far', delayMs: LONG_MS })
      const fuses = [
        { name: 'poison', delayMs: 0, fault },
        { name: 'good', delayMs: 1 },
      ]
      const first = points.hold('commit.before')
      const arming = send(engine, id, { type: 'lay', fuses })
      await first.reached
      const waiting = send(engine, id, { type: 'lay', fuses: [{ name: 'farther', delayMs: LONG_MS }] })
      const second = points.hold('commit.before')
      first.release()
      await second.reached
      await engine.start()
      await until(() => hasLeased)
      second.release()
      await Promise.all([arming, waiting])
      await until(async () => (await burntOf(engine, id))?.includes('good') === true)
      expect(await burntOf(engine, id)).toEqual(['good'])
      // Of others that earlier tests left, some may be.
      expect(counted).not.toContain(id)
      expect((await timersOf(id)).map(({ sendId }) => sendId).sort()).toEqual(
        ['far', 'farther', 'next', 'poison', WATCH].sort(),
      )
      expect(await place.connect().dueTimers(id)).toMatchObject([{ sendId: 'poison' }])
    },
  )

  it('is retried by any process after a while', async () => {
    const engine = open()
    const id = await laid(engine, { name: 'poison', delayMs: 0, fault: 'assign' })
    await engine.ring(id)
    await send(engine, id, { type: 'mend' })
    const worker = open()
    await worker.start()
    await until(async () => (await burntOf(engine, id))?.length === 1)
  })

  it('is counted once by two processes that fire it at the same time', async () => {
    const [a, b] = [open(), open()]
    const id = await laid(a, { name: 'poison', delayMs: 0, fault: 'guard' })
    const due = await place.connect().dueTimers(id)
    expect(due).toHaveLength(1)
    // Both have read that it is due before either has failed.
    let waiting = 0
    let goOn = () => {}
    const bothRead = new Promise<void>(resolve => {
      goOn = resolve
    })
    const reading = (store: Store): Store => ({
      ...store,
      async dueTimers(instance) {
        const found = await store.dueTimers(instance)
        if (++waiting === 2) goOn()
        await bothRead
        return found
      },
    })
    await Promise.all([open({ alter: reading }).ring(id), open({ alter: reading }).ring(id)])
    await place.hasten()
    expect(await place.connect().dueTimers(id)).toMatchObject([{ sendId: 'poison', attempts: 1 }])
    await b.ring(id)
    await place.hasten()
    expect(await place.connect().dueTimers(id)).toMatchObject([{ sendId: 'poison', attempts: 2 }])
  })

  it('because of the database is not counted', async () => {
    let isAway = false
    const engine = open({
      alter: store => ({
        ...store,
        async commit(writes, leaseMs) {
          if (isAway) throw new StoreUnavailableError('The disk is full', { isLasting: true })
          return store.commit(writes, leaseMs)
        },
      }),
    })
    const id = await laid(engine, { name: 'good', delayMs: 0 })
    isAway = true
    await expect(engine.ring(id)).rejects.toThrow()
    isAway = false
    const [due] = await place.connect().dueTimers(id)
    expect(due?.attempts ?? 0).toBe(0)
    await engine.ring(id)
    expect(await burntOf(engine, id)).toEqual(['good'])
  })

  it('is no dead letter after its state is left, and a new timer when the state is entered again', async () => {
    const engine = open()
    const id = await laid(engine, { name: 'good', delayMs: LONG_MS })
    await place.makeDue(id, WATCH)
    const letter = await failForGood(engine, id)
    expect(letter).toMatchObject({ sendId: WATCH, generation: 1 })
    await send(engine, id, { type: 'leave' })
    expect(await lettersOf(engine, id)).toEqual([])
    expect(await engine.redrive(letter.id)).toBe(false)
    expect(await parkedOf(id)).toEqual({ good: 'armed' })
    await send(engine, id, { type: 'enter' })
    expect(await parkedOf(id)).toEqual({ good: 'armed', [WATCH]: 'armed' })
    await place.makeDue(id, WATCH)
    // All its attempts are before it.
    expect((await failForGood(engine, id)).generation).toBe(4)
  })

  it('can be dropped: it never fires, is not missing, and is armed again when its state is entered again', async () => {
    const engine = open()
    const id = await laid(engine, { name: 'poison', delayMs: 0, fault: 'claims' })
    const letter = await failForGood(engine, id)
    expect(await engine.drop(letter.id)).toBe(true)
    expect(await engine.drop(letter.id)).toBe(false)
    expect(await engine.redrive(letter.id)).toBe(false)
    expect(await lettersOf(engine, id)).toEqual([])
    await send(engine, id, { type: 'mend' })
    await engine.ring(id)
    expect(await burntOf(engine, id)).toEqual([])
    expect(await parkedOf(id)).toEqual({ poison: 'dropped', [WATCH]: 'armed' })
    expect(await violationsOf(id)).toEqual([])
    await send(engine, id, { type: 'lay', fuses: [{ name: 'poison', delayMs: LONG_MS }] })
    expect(await parkedOf(id)).toEqual({ poison: 'armed', [WATCH]: 'armed' })
    expect(await violationsOf(id)).toEqual([])
  })
  // The last one: from then on only processes that know version 2 may start here.
  it('is no dead letter after a migration has left its state', async () => {
    const engine = open()
    const id = await laid(engine, { name: 'good', delayMs: LONG_MS })
    await place.makeDue(id, WATCH)
    const letter = await failForGood(engine, id)
    const next = open({ definitions: [fuseV2Definition] })
    await next.start()
    await send(next, id, { type: 'mend' })
    expect(await next.get(id)).toMatchObject({ definitionVersion: 2 })
    expect(await lettersOf(next, id)).toEqual([])
    expect(await next.redrive(letter.id)).toBe(false)
    expect(await parkedOf(id)).toEqual({ good: 'armed' })
  })
})
