import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { createActor } from 'xstate'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { type AuditStore, audit } from '../../../src/runtime/audit.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import type { Store } from '../../../src/runtime/ports.js'
import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { recordingSubscriber } from '../../support/engine/engine.js'
import { refundDefinition, refundMachine } from '../../support/machines/refund.js'

const actor = { zone: 'z', id: 'ann', role: 'customer', a: 'b' }
const definitions = [refundDefinition as unknown as Definition]

interface Opened {
  newStore(): Store
  readonly audit: AuditStore
  close(): Promise<void>
}

async function onPostgres(): Promise<Opened> {
  const { connectionString, drop } = await createTestDatabase()
  const pool = new pg.Pool({ connectionString, max: 1 })
  return {
    newStore: () => createPostgresStore({ connectionString }),
    audit: createAuditStore(pool),
    async close() {
      await pool.end()
      await drop()
    },
  }
}

async function inMemory(): Promise<Opened> {
  const database = new MemoryDatabase()
  return { newStore: () => createMemoryStore({ database }), audit: database.auditStore, async close() {} }
}

type Sent = { type: string } & Record<string, unknown>

/** What a running actor makes of the events. */
function running(bids: Record<string, number>, events: readonly Sent[]) {
  const plain = createActor(refundMachine, { input: { bids, at: 0, uid: '' } })
  const emitted: string[] = []
  plain.on('*', event => emitted.push(JSON.stringify(event)))
  plain.start()
  for (const event of events) plain.send({ ...event, at: 0, uid: '' } as never)
  const { value, context } = plain.getSnapshot()
  return { value: JSON.stringify(value), context: JSON.stringify(context), emitted }
}

describe.each([
  ['Postgres', onPostgres],
  ['a database in memory', inMemory],
])('R10.8 the order of keys on %s', (_, open) => {
  let opened: Opened
  beforeAll(async () => {
    opened = await open()
  })
  afterAll(() => opened.close())

  /** Each event is taken by a new engine, which knows nothing but what is stored. */
  async function restarted(bids: Record<string, number>, events: readonly Sent[]) {
    const recorder = recordingSubscriber()
    let id = ''
    for (const event of [undefined, ...events]) {
      const store = opened.newStore()
      const engine = createEngine({ store, definitions, subscribers: [recorder] })
      await engine.start({ timers: false })
      if (event === undefined) {
        const created = await engine.create('refund', { bids }, { actor })
        if (created.kind === 'created') id = created.instance.id
      } else await engine.send(id, event, { actor })
      await engine.close()
      await store.close()
    }
    const store = opened.newStore()
    const engine = createEngine({ store, definitions })
    const [row] = await store.load([id])
    if (row === undefined) throw new Error('expected an instance')
    const rebuilt = await engine.at(id, row.version)
    const history = await engine.history(id)
    await engine.close()
    await store.close()
    const { value, context } = row.snapshot as { value: unknown; context: unknown }
    return {
      id,
      history,
      value: JSON.stringify(value),
      context: JSON.stringify(context),
      rebuilt: JSON.stringify(rebuilt?.snapshot.context),
      emitted: recorder.events.map(({ type, payload }) => JSON.stringify({ type, ...payload })),
    }
  }

  it.each<[string, Record<string, number>, Sent[]]>([
    ['regions that leave in different directions', {}, [{ type: 'T' }]],
    ['actions of several regions', {}, [{ type: 'note' }, { type: 'note' }]],
    ['context and the event that it came with', { zoe: 5, amy: 5 }, [{ type: 'award' }]],
    [
      'members that were added later',
      { zoe: 7 },
      [{ type: 'bid', bids: { yves: 5, bo: 5, alexandra: 5 } }, { type: 'award' }, { type: 'T' }],
    ],
  ])('gives the decisions of a running actor: %s', async (_name, bids, events) => {
    const { value, context, emitted } = running(bids, events)
    const after = await restarted(bids, events)
    expect({ value: after.value, context: after.context, emitted: after.emitted }).toEqual({
      value,
      context,
      emitted,
    })
    expect(after.rebuilt).toBe(context)
  })

  it('is that of the caller in journaled events and actors', async () => {
    const bids = { yves: 5, bo: 5, alexandra: 5 }
    const { history } = await restarted({ zoe: 1, amy: 1 }, [{ type: 'bid', bids }])
    expect(JSON.stringify(history.map(entry => entry.actor))).toBe(JSON.stringify([actor, actor]))
    expect(JSON.stringify(history[0]?.event.input)).toContain('{"zoe":1,"amy":1}')
    expect(JSON.stringify(history[1]?.event)).toContain('"type":"bid","bids":{"yves":5,"bo":5,"alexandra":5}')
  })

  it('is kept in timers, however they are read', async () => {
    const store = opened.newStore()
    const { id } = await restarted({}, [])
    const event = { type: 'ring', zoe: 1, amy: 1, b: { y: 1, x: 2 } }
    const dueAt = Date.now() - 1_000
    const timer = { instance: id, machine: 'refund', generation: 1, event, dueAt }
    expect(await store.armTimers(id, 1, [{ ...timer, sendId: 'a' }])).toBe(1)
    const due = await store.dueTimers(id)
    const leased = await store.leaseTimers([{ machine: 'refund', version: 1 }], {
      limit: 10,
      leaseMs: 1_000,
      aheadMs: 0,
    })
    const page = await opened.audit.page(undefined, 1_000, [])
    const audited = page.find(({ instance }) => instance.id === id)
    await store.close()
    const texts = [due, leased.timers, audited?.timers ?? []].map(timers => JSON.stringify(timers[0]?.event))
    expect(texts).toEqual(texts.map(() => JSON.stringify(event)))
  })

  it('is kept in what the audit reads, which finds no violation', async () => {
    const { id } = await restarted({ zoe: 5, amy: 5 }, [{ type: 'note' }, { type: 'award' }])
    const page = await opened.audit.page(undefined, 1_000, [])
    const audited = page.find(({ instance }) => instance.id === id)
    expect(JSON.stringify(audited?.events.map(({ payload }) => payload))).toBe(
      '[{"region":"payment"},{"region":"ship"},{"region":"aid"},{"winner":"zoe","bids":{"zoe":5,"amy":5}}]',
    )
    expect(JSON.stringify(audited?.journal[0]?.actor)).toBe(JSON.stringify(actor))
    const found: string[] = []
    for await (const { instance, message } of audit(opened.audit, definitions)) {
      if (instance === id) found.push(message)
    }
    // The timer of the test above belongs to no state, and to another instance.
    expect(found).toEqual([])
  })

  it('is kept in events that another process takes over', async () => {
    const store = opened.newStore()
    const engine = createEngine({
      store,
      definitions,
      subscribers: [{ name: 'dies', wants: () => true, handle: () => Promise.reject(new Error('not now')) }],
    })
    await engine.start({ timers: false, sweeps: false })
    const created = await engine.create('refund', { bids: { zoe: 5, amy: 5 } }, { actor })
    const id = created.kind === 'created' ? created.instance.id : ''
    await engine.send(id, { type: 'award' }, { actor })
    await engine.close()
    await store.release({
      timers: [],
      deliveries: [{ instance: id, version: 2, index: 0, subscriber: 'dies' }],
    })
    const taken = await store.leaseDeliveries(['dies'], [{ machine: 'refund', version: 1 }], 10, 1_000)
    await store.close()
    expect(JSON.stringify(taken[0]?.event.payload)).toBe('{"winner":"zoe","bids":{"zoe":5,"amy":5}}')
  })
})
