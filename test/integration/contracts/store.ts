/* What every store of the runtime promises, whatever it is made of. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { AuditStore } from '../../../src/runtime/audit.js'
import type { InstanceWrite, Store, StoredTimer, TimerLeaseOptions } from '../../../src/runtime/ports.js'
import type { OwnerLimit, Precondition } from '../../../src/runtime/types.js'
import { stampedVersion, taking, write } from '../../support/database/instance-write.js'
import { until } from '../../support/engine/engine.js'

export interface OpenedStore {
  readonly store: Store
  /** What another process would use: another connection to the same database. */
  readonly other: Store
  readonly audit: AuditStore
  close(): Promise<void>
}

const LEASE_MS = 60_000
const LONG_MS = 3_600_000

const DOOR = [{ machine: 'door', version: 1 }]

/** Of so many timers at most. */
const lease = (limit: number, more: Partial<TimerLeaseOptions> = {}): TimerLeaseOptions => ({
  limit,
  leaseMs: LEASE_MS,
  aheadMs: 0,
  ...more,
})

const emitting = (instance: string, version: number, subscribers: string[], count = 1) => ({
  events: Array.from({ length: count }, (_, index) => ({
    instance,
    machine: 'door',
    version,
    index,
    type: 'knocked',
    payload: { loud: true },
    audience: ['ann', 'bob'],
    at: 1_700_000_000_000,
    subscribers,
  })),
})
const timerOf = (instance: string, sendId: string, generation: number, dueAt: number): StoredTimer => ({
  instance,
  machine: 'door',
  sendId,
  generation,
  event: { type: sendId },
  dueAt,
})

export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`the store on ${name}`, () => {
    let opened: OpenedStore
    let store: Store
    beforeAll(async () => {
      opened = await open()
      store = opened.store
    })
    afterAll(() => opened.close())

    const commit = (...writes: InstanceWrite[]) => store.commit(writes, LEASE_MS)
    const kinds = async (...writes: InstanceWrite[]) => (await commit(...writes)).map(r => r.kind)
    /** All that belongs to an instance. */
    async function everything(id: string) {
      for (let after: string | undefined; ; ) {
        const page = await opened.audit.page(after, 100, [])
        const found = page.find(({ instance }) => instance.id === id)
        after = page.at(-1)?.instance.id
        if (found !== undefined || after === undefined) return found
      }
    }

    it('returns an instance and its history as they were written', async () => {
      const id = uuidv7()
      const first = write(id, 1)
      await commit(first)
      await commit(write(id, 2))
      const [row] = await store.load([uuidv7(), id])
      expect(row).toEqual({
        ...first.row,
        version: 2,
        snapshot: { status: 'active', version: 2 },
        updatedAt: row?.updatedAt,
      })
      expect(await store.history(id, 0, 1)).toEqual(first.journal)
      expect((await store.history(id, 1, 10)).map(entry => entry.version)).toEqual([2])
      expect(await store.history(uuidv7(), 0, 10)).toEqual([])
    })

    it('has a clock in milliseconds since the epoch', async () => {
      expect(Math.abs((await store.now()) - Date.now())).toBeLessThan(60_000)
    })

    describe('commits', () => {
      it('an instance only from the version it was decided on', async () => {
        const id = uuidv7()
        expect(await kinds(write(id, 1))).toEqual(['moved'])
        expect(await kinds(write(id, 1))).toEqual(['stale'])
        expect(await kinds(write(id, 3))).toEqual(['stale'])
        expect(await kinds(write(id, 2))).toEqual(['moved'])
        expect(await store.history(id, 0, 10)).toHaveLength(2)
      })

      it('nothing of an instance that did not move, and all of the others', async () => {
        const [fresh, gone] = [uuidv7(), uuidv7()]
        const more = (id: string): Partial<InstanceWrite> => ({
          ...taking(`key:${id}`),
          ...emitting(id, 2, ['all-or-nothing']),
          timersSet: [timerOf(id, 't', 2, Date.now() + LONG_MS)],
        })
        await commit(write(fresh, 1), write(gone, 1))
        const results = await kinds(write(gone, 3, more(gone)), write(fresh, 2, more(fresh)))
        expect(results).toEqual(['stale', 'moved'])
        expect(await everything(gone)).toMatchObject({ journal: [{}], timers: [], claims: [], events: [] })
        expect(await everything(fresh)).toMatchObject({
          journal: [{}, {}],
          timers: [{ sendId: 't', generation: 2 }],
          claims: [`key:${fresh}`],
          events: [{ type: 'knocked', audience: ['ann', 'bob'], payload: { loud: true } }],
        })
      })

      it('of two connections that write the same version, exactly one, each time', async () => {
        const ids = Array.from({ length: 20 }, () => uuidv7())
        await commit(...ids.map(id => write(id, 1)))
        const [a, b] = await Promise.all([
          store.commit(
            ids.map(id => write(id, 2)),
            LEASE_MS,
          ),
          opened.other.commit(ids.map(id => write(id, 2)).reverse(), LEASE_MS),
        ])
        expect([...a, ...b].filter(r => r.kind === 'moved')).toHaveLength(ids.length)
        for (const id of ids) expect(await store.history(id, 0, 10)).toHaveLength(2)
      })

      it('all but the write that cannot be stored', async () => {
        const ids = Array.from({ length: 5 }, () => uuidv7())
        const writes = ids.map((id, i) => {
          const w = write(id, 1)
          return i === 2 ? { ...w, row: { ...w.row, snapshot: '{"text":"\\u0000"}' } } : w
        })
        const results = await commit(...writes)
        expect(results.map(r => r.kind)).toEqual(ids.map((_, i) => (i === 2 ? 'unstorable' : 'moved')))
      })

      it('a projection’s row, and later the newer one in its place', async () => {
        const [id, trip] = [uuidv7(), uuidv7()]
        const projecting = (status: string) => ({
          projections: [
            {
              table: 'trips',
              columns: tripColumns,
              rows: [{ ...tripRow, id: trip, status }],
            },
          ],
        })
        await commit(write(id, 1, projecting('assigned')))
        await commit(write(id, 2, projecting('started')))
        const definitions = [{ projections: [{ table: 'trips', columns: tripColumns, rows: () => [] }] }]
        const page = await opened.audit.page(undefined, 1_000, definitions as never)
        const found = page.find(({ instance }) => instance.id === id)
        expect(found?.projections.trips).toMatchObject([{ id: trip, status: 'started' }])
      })
    })

    describe('claims', () => {
      it('leaves out an instance that needs a key of another one, names the holder, and takes none of its keys', async () => {
        const [holder, other, third] = [uuidv7(), uuidv7(), uuidv7()]
        expect(await kinds(write(holder, 1, taking('key:a')))).toEqual(['moved'])
        const results = await commit(
          write(other, 1, taking('key:a', 'key:b')),
          write(third, 1, taking('key:c')),
        )
        expect(results).toEqual([
          { kind: 'claimed', holders: new Map([['key:a', holder]]) },
          { kind: 'moved' },
        ])
        expect(await kinds(write(uuidv7(), 1, taking('key:b')))).toEqual(['moved'])
      })

      it('lets a freed key be taken by the next commit, and not by the same', async () => {
        const [first, second] = [uuidv7(), uuidv7()]
        await commit(write(first, 1, taking('key:d')))
        const both = await kinds(
          write(first, 2, { claimsFreed: ['key:d'] }),
          write(second, 1, taking('key:d')),
        )
        expect(both).toEqual(['moved', 'claimed'])
        expect(await kinds(write(second, 1, taking('key:d')))).toEqual(['moved'])
      })

      it('gives a key wanted by two connections at the same instant to one of them', async () => {
        for (let round = 0; round < 10; round++) {
          const key = `key:race${round}`
          const [a, b] = await Promise.all([
            store.commit([write(uuidv7(), 1, taking(key)), write(uuidv7(), 1)], LEASE_MS),
            opened.other.commit([write(uuidv7(), 1, taking(key)), write(uuidv7(), 1)], LEASE_MS),
          ])
          expect([a[0]?.kind, b[0]?.kind].sort()).toEqual(['claimed', 'moved'])
          expect([a[1]?.kind, b[1]?.kind]).toEqual(['moved', 'moved'])
        }
      })
    })

    describe('preconditions', () => {
      const projecting = (driver: string, status: string) => ({
        projections: [
          {
            table: 'trips',
            columns: tripColumns,
            rows: [{ ...tripRow, id: uuidv7(), driver_id: driver, status }],
          },
        ],
      })
      const onTrip = (driver: string, status: string, isThere = true): Precondition => ({
        table: 'trips',
        row: { driver_id: driver, status },
        isThere,
      })

      it('leaves out a write with an unmet precondition, names it, and writes all others', async () => {
        await commit(write(uuidv7(), 1, projecting('there', 'started')))
        const [met, unmet, other] = [uuidv7(), uuidv7(), uuidv7()]
        const missing = onTrip('there', 'assigned')
        const present = onTrip('there', 'started', false)
        const results = await commit(
          write(met, 1, { preconditions: [onTrip('there', 'started'), onTrip('nowhere', 'started', false)] }),
          write(unmet, 1, {
            ...taking('key:unmet'),
            preconditions: [onTrip('there', 'started'), missing, present],
          }),
          write(other, 1),
        )
        expect(results).toEqual([
          { kind: 'moved' },
          { kind: 'unmet', preconditions: [missing, present] },
          { kind: 'moved' },
        ])
        expect(await store.load([unmet])).toEqual([])
        expect(await kinds(write(uuidv7(), 1, taking('key:unmet')))).toEqual(['moved'])
      })

      it('are reported before claims, and checked again by the next commit', async () => {
        const [holder, wanting] = [uuidv7(), uuidv7()]
        await commit(write(holder, 1, taking('key:held')))
        const needing = write(wanting, 1, {
          ...taking('key:held'),
          preconditions: [onTrip('later', 'started')],
        })
        expect(await kinds(needing)).toEqual(['unmet'])
        await commit(write(uuidv7(), 1, projecting('later', 'started')))
        expect(await kinds(needing)).toEqual(['claimed'])
        await commit(write(holder, 2, { claimsFreed: ['key:held'] }))
        expect(await kinds(needing)).toEqual(['moved'])
      })
    })

    describe('limits of an owner', () => {
      const MINUTE_MS = 60_000
      const limit = { max: 2, windowMs: MINUTE_MS }
      const owned = (owner: string, limits: OwnerLimit[], more: Partial<InstanceWrite['row']> = {}) => {
        const made = write(uuidv7(), 1)
        const createdAt = more.createdAt ?? Date.now() - 1_000
        return { ...made, row: { ...made.row, owner, createdAt, updatedAt: createdAt, ...more }, limits }
      }

      it('R11.4 hold back an owner at the limit of creates, and no other write of the same commit', async () => {
        const one = () => owned('busy', [limit])
        expect(await kinds(one())).toEqual(['moved'])
        expect(await kinds(one())).toEqual(['moved'])
        const [limited, other] = await commit(one(), owned('calm', [limit]))
        expect(other).toEqual({ kind: 'moved' })
        expect(limited).toEqual({ kind: 'limited', limit, retryAfterMs: expect.any(Number) })
        // The older of the two leaves the window first, a second having passed.
        const { retryAfterMs } = limited as { retryAfterMs: number }
        expect(retryAfterMs).toBeGreaterThan(MINUTE_MS - 5_000)
        expect(retryAfterMs).toBeLessThan(MINUTE_MS)
        expect(await kinds(owned('busy', []))).toEqual(['moved'])
      })

      it('count the creates within the window, or those that have the given status now', async () => {
        const old = Date.now() - 2 * MINUTE_MS
        expect(await kinds(owned('late', [], { createdAt: old }))).toEqual(['moved'])
        expect(await kinds(owned('late', [], { status: 'open' }))).toEqual(['moved'])
        expect(await kinds(owned('late', [limit]))).toEqual(['moved'])
        const ofStatus = { max: 1, windowMs: MINUTE_MS, status: 'open' }
        const both = await commit(owned('late', [{ ...limit, max: 9 }, ofStatus]))
        expect(both).toMatchObject([{ kind: 'limited', limit: ofStatus }])
        expect(await kinds(owned('late', [{ ...ofStatus, status: 'ajar' }]))).toEqual(['moved'])
      })

      it('are not checked if a claim is held or a key was used', async () => {
        const key = { scope: 'scope', key: uuidv7(), fingerprint: 'f' }
        const first = owned('again', [limit])
        const used = { ...key, instance: first.row.id, version: 1, uid: uuidv7() }
        await commit({ ...first, ...taking('key:again'), keys: [used] }, owned('again', []))
        const repeated = owned('again', [limit])
        const usedAgain = { ...key, instance: repeated.row.id, version: 1, uid: uuidv7() }
        expect(await kinds({ ...repeated, keys: [usedAgain] })).toEqual(['keyed'])
        expect(await kinds({ ...repeated, ...taking('key:again') })).toEqual(['claimed'])
        expect(await kinds(repeated)).toEqual(['limited'])
      })

      it('let no more through over two connections than over one', async () => {
        const three = { max: 3, windowMs: MINUTE_MS }
        const stores = [store, opened.other]
        let moved = 0
        // A connection that finds the other one counting is asked to retry.
        const attempt = async (i: number): Promise<string> => {
          const [result] = (await stores[i % 2]?.commit([owned('racing', [three])], LEASE_MS)) ?? []
          return result?.kind === 'busy' ? attempt(i) : String(result?.kind)
        }
        for (const kind of await Promise.all(Array.from({ length: 12 }, (_, i) => attempt(i)))) {
          if (kind === 'moved') moved++
          else expect(kind).toBe('limited')
        }
        expect(moved).toBe(3)
      })
    })

    it('takes an idempotency key once, and names the transition that used it', async () => {
      const [id, other] = [uuidv7(), uuidv7()]
      const key = { scope: `ann ${id}`, key: 'k', fingerprint: 'f' }
      const used = { ...key, instance: id, version: 1, uid: uuidv7() }
      expect(await kinds(write(id, 1, { keys: [used] }))).toEqual(['moved'])
      const again = { ...key, instance: other, version: 1, uid: uuidv7() }
      expect(await commit(write(other, 1, { keys: [again] }), write(uuidv7(), 1))).toEqual([
        { kind: 'keyed', used: [used] },
        { kind: 'moved' },
      ])
      expect(await store.usedKeys([{ ...key, key: 'another' }, key])).toEqual([used])
    })

    describe('processes', () => {
      const versions = (machine: string, version: number) => new Map([[machine, version]])

      it('may write the newest version that all living processes know, and then never an older one', async () => {
        const machine = `machine ${uuidv7()}`
        const [old, fresh, late] = [uuidv7(), uuidv7(), uuidv7()]
        const announce = (id: string, version: number, by = store, leaseMs = LEASE_MS) =>
          by.announceProcess({ id, versions: versions(machine, version) }, leaseMs)
        expect(await announce(old, 1)).toEqual(versions(machine, 1))
        expect(await announce(fresh, 2, opened.other)).toEqual(versions(machine, 1))
        await store.forgetProcess(old)
        expect(await announce(fresh, 2, opened.other)).toEqual(versions(machine, 2))
        expect(await announce(late, 1)).toEqual(versions(machine, 2))
        expect(await announce(fresh, 3, opened.other)).toEqual(versions(machine, 2))
      })

      it('that do not renew their lease count as dead', async () => {
        const machine = `machine ${uuidv7()}`
        const [dead, living] = [uuidv7(), uuidv7()]
        await store.announceProcess({ id: dead, versions: versions(machine, 1) }, -1_000)
        const answer = await store.announceProcess({ id: living, versions: versions(machine, 2) }, LEASE_MS)
        expect(answer).toEqual(versions(machine, 2))
      })

      it('that announce themselves at the same instant see one another', async () => {
        for (let round = 0; round < 10; round++) {
          const machine = `machine ${uuidv7()}`
          const both = await Promise.all([
            store.announceProcess({ id: uuidv7(), versions: versions(machine, 1) }, LEASE_MS),
            opened.other.announceProcess({ id: uuidv7(), versions: versions(machine, 2) }, LEASE_MS),
          ])
          const [first, second] = both.map(answer => answer.get(machine))
          // The second has seen the first: 2 was never written while 1 was alive, or was written before it.
          expect([first, second]).toEqual(first === 1 ? [1, 1] : [2, 2])
        }
      })
    })

    describe('timers', () => {
      it('are applied once: the gate fails when one is gone or was armed again', async () => {
        const id = uuidv7()
        await commit(write(id, 1, { timersSet: [timerOf(id, 't', 1, Date.now() + LONG_MS)] }))
        const firing = (version: number, generation: number) =>
          write(id, version, { gates: [{ sendId: 't', generation }], timersRemoved: ['t'] })
        expect(await commit(firing(2, 7))).toEqual([{ kind: 'gateLost', sendIds: ['t'] }])
        expect(await commit(firing(2, 1))).toEqual([{ kind: 'moved' }])
        expect(await commit(firing(3, 1))).toEqual([{ kind: 'gateLost', sendIds: ['t'] }])
      })

      it('that are due are leased, oldest first, to one process at a time, and to another when the lease has run out', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const timers = [
          timerOf(id, 'second', 1, now - 1_000),
          timerOf(id, 'first', 1, now - 2_000),
          timerOf(id, 'later', 1, now + LONG_MS),
        ].map(timer => ({ ...timer, machine }))
        await commit(write(id, 1, { timersSet: timers }))
        expect(
          (await store.leaseTimers([{ machine: 'another machine', version: 1 }], lease(10))).timers,
        ).toEqual([])
        const leased = await store.leaseTimers([{ machine, version: 1 }], lease(1, { leaseMs: 1 }))
        expect(leased.timers).toMatchObject([{ sendId: 'first', generation: 1, event: { type: 'first' } }])
        const taken: string[] = []
        await until(async () => {
          const { timers } = await opened.other.leaseTimers([{ machine, version: 1 }], lease(10))
          taken.push(...timers.map(({ sendId }) => sendId))
          return taken.length === 2
        })
        expect(taken.sort()).toEqual(['first', 'second'])
        expect((await store.leaseTimers([{ machine, version: 1 }], lease(10))).nextDueAt).toBeLessThanOrEqual(
          now + LONG_MS,
        )
      })

      it('R10.8 that are due at the same millisecond are leased in the order in which they were armed', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const bell = (sendId: string, generation: number, ordinal: number) => ({
          ...timerOf(id, sendId, generation, now - 1_000),
          machine,
          ordinal,
        })
        await commit(write(id, 1, { timersSet: [bell('d', 1, 1), bell('b', 1, 0), bell('a', 1, 2)] }))
        // Armed again, one takes its new place.
        await commit(write(id, 2, { timersSet: [bell('e', 2, 1), bell('b', 2, 0)] }))
        await store.armTimers(id, 2, [bell('c', 1, 3)])
        const order = (timers: readonly StoredTimer[]) => timers.map(({ sendId }) => sendId).join('')
        expect(order(await store.dueTimers(id))).toBe('dacbe')
        const { timers } = await store.leaseTimers([{ machine, version: 1 }], lease(10))
        expect(order(timers)).toBe('dacbe')
        expect(timers.map(({ ordinal }) => ordinal)).toEqual([1, 2, 3, 0, 1])
      })

      it('R10.8 return those of the same instance that fire before them, though another process has these', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const bell = (sendId: string, generation: number, dueAt: number) => ({
          ...timerOf(id, sendId, generation, dueAt),
          machine,
        })
        await commit(write(id, 1, { timersSet: [bell('first', 1, now - 1_000)] }))
        const known = [{ machine, version: 1 }]
        expect((await opened.other.leaseTimers(known, lease(10))).timers).toHaveLength(1)
        const more = [bell('second', 2, now - 1_000), bell('third', 2, now - 500)]
        await commit(write(id, 2, { timersSet: more }))
        const { timers } = await store.leaseTimers(known, lease(1))
        expect(timers.map(({ sendId }) => sendId)).toEqual(['first', 'second'])
        // All are leased but one: it brings along the others, which no process has fired.
        const rest = await opened.other.leaseTimers(known, lease(10))
        expect(rest.timers.map(({ sendId }) => sendId)).toEqual(['first', 'second', 'third'])
        expect((await store.leaseTimers(known, lease(10))).timers).toEqual([])
      })

      it('that failed wait for a while, and each attempt is counted once', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const timer = { ...timerOf(id, 'poison', 1, now - 2_000), machine }
        const later = { ...timerOf(id, 'later', 1, now - 1_000), machine, ordinal: 1 }
        await commit(write(id, 1, { timersSet: [timer, later] }))
        const failure = (attempts: number) => ({ attempts, error: `failure ${attempts}` })
        expect(await store.postponeTimer({ ...timer, generation: 2 }, failure(1), LONG_MS)).toBe(false)
        expect(await store.postponeTimer({ ...timer, sendId: 'gone' }, failure(1), LONG_MS)).toBe(false)
        expect(await store.postponeTimer(timer, failure(1), LONG_MS)).toBe(true)
        expect(await opened.other.postponeTimer(timer, failure(1), 0)).toBe(false)
        // It keeps no other timer waiting, not even a later one of its instance.
        const known = [{ machine, version: 1 }]
        const { timers } = await store.leaseTimers(known, lease(10))
        expect(timers.map(({ sendId }) => sendId)).toEqual(['later'])
        expect((await store.dueTimers(id)).map(({ sendId }) => sendId)).toEqual(['later'])
        expect(await store.postponeTimer(timer, failure(2), 0)).toBe(true)
        await until(async () => {
          const again = await store.leaseTimers(known, lease(10))
          return again.timers.some(({ sendId, attempts }) => sendId === 'poison' && attempts === 2)
        })
        // Armed again, it is a new timer.
        await commit(write(id, 2, { timersSet: [{ ...timer, generation: 2 }] }))
        const [fresh] = (await store.dueTimers(id)).filter(({ sendId }) => sendId === 'poison')
        expect(fresh?.attempts ?? 0).toBe(0)
      })

      it('that failed for the last time are dead letters until they are redriven, dropped, or their state is left', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const timers = ['a', 'b', 'c', 'd'].map((sendId, ordinal) => ({
          ...timerOf(id, sendId, 1, now - 1_000),
          machine,
          ordinal,
        }))
        await commit(write(id, 1, { timersSet: timers }))
        const failure = { attempts: 8, error: 'It burnt' }
        for (const timer of timers) expect(await store.buryTimer(timer, failure)).toBe(true)
        const [a] = timers as [StoredTimer, ...StoredTimer[]]
        expect(await opened.other.buryTimer(a, failure)).toBe(false)
        expect(await store.postponeTimer(a, { ...failure, attempts: 9 }, 0)).toBe(false)

        const letters = async () =>
          (await store.deadLetters(undefined, 100)).filter(({ instance }) => instance === id)
        const [d, c, b, first] = await letters()
        expect([d, c, b, first].map(letter => letter?.kind === 'timer' && letter.sendId)).toEqual([
          'd',
          'c',
          'b',
          'a',
        ])
        expect(first).toMatchObject({
          kind: 'timer',
          instance: id,
          machine,
          generation: 1,
          type: 'a',
          ...failure,
        })
        expect(first?.kind === 'timer' && first.dueAt).toBe(now - 1_000)
        expect(Math.abs((first?.diedAt ?? 0) - now)).toBeLessThan(60_000)
        expect((await store.deadLetters(c?.id, 1)).map(({ id }) => id)).toEqual([b?.id])

        // Dead, they neither fire nor gate anything, and are not missing.
        expect((await store.leaseTimers([{ machine, version: 1 }], lease(10))).timers).toEqual([])
        expect(await store.dueTimers(id)).toEqual([])
        const gates = [{ sendId: 'a', generation: 1 }]
        expect(await commit(write(id, 2, { gates }))).toEqual([{ kind: 'gateLost', sendIds: ['a'] }])
        expect(await store.armTimers(id, 1, timers)).toBe(0)
        expect((await everything(id))?.timers.map(({ parked }) => parked)).toEqual(Array(4).fill('dead'))

        expect(await store.redrive(first?.id ?? 0)).toBe(true)
        expect(await opened.other.redrive(first?.id ?? 0)).toBe(false)
        expect(await store.drop(first?.id ?? 0)).toBe(false)
        const [due] = await store.dueTimers(id)
        expect(due).toMatchObject({ sendId: 'a', dueAt: now - 1_000 })
        expect(due?.attempts ?? 0).toBe(0)

        expect(await store.drop(b?.id ?? 0)).toBe(true)
        expect(await store.redrive(b?.id ?? 0)).toBe(false)
        const parked = async () =>
          Object.fromEntries((await everything(id))?.timers.map(t => [t.sendId, t.parked]) ?? [])
        expect(await parked()).toEqual({ a: undefined, b: 'dropped', c: 'dead', d: 'dead' })

        const entered = { ...timerOf(id, 'd', 2, now + LONG_MS), machine }
        await commit(write(id, 2, { timersRemoved: ['c'], timersSet: [entered] }))
        expect(await parked()).toEqual({ a: undefined, b: 'dropped', d: undefined })
        expect(await letters()).toEqual([])
        expect(await store.redrive(d?.id ?? 0)).toBe(false)
      })

      it('that will be due in a moment are leased with the due ones, and the next due time is beyond them', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const timers = [
          timerOf(id, 'far', 1, now + 2 * LONG_MS),
          timerOf(id, 'near', 1, now + LONG_MS / 2),
          timerOf(id, 'due', 1, now - 1_000),
        ].map(timer => ({ ...timer, machine }))
        await commit(write(id, 1, { timersSet: timers }))
        const leased = await store.leaseTimers([{ machine, version: 1 }], lease(10, { aheadMs: LONG_MS }))
        expect(leased.timers.map(({ sendId }) => sendId)).toEqual(['due', 'near'])
        expect(leased.nextDueAt).toBeGreaterThan(now + LONG_MS)
      })

      it('of an instance in an unknown version are left to processes that know it', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        await commit(write(id, 1, { timersSet: [{ ...timerOf(id, 't', 1, now - 1_000), machine }] }))
        expect((await store.leaseTimers([{ machine, version: 2 }], lease(10))).timers).toEqual([])
        expect((await store.leaseTimers([{ machine, version: 1 }], lease(10))).timers).toHaveLength(1)
      })

      it('that were ignored are parked: they stay but neither fire nor gate anything until they are armed again', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const machine = `machine ${id}`
        const timer = { ...timerOf(id, 't', 1, now - 1_000), machine }
        await commit(write(id, 1, { timersSet: [timer] }))
        await store.spendTimer(timer, stampedVersion(1))
        expect((await everything(id))?.timers).toMatchObject([
          { sendId: 't', generation: 1, parked: 'spent' },
        ])
        expect((await store.leaseTimers([{ machine, version: 1 }], lease(10))).timers).toEqual([])
        expect(await store.dueTimers(id)).toEqual([])
        const gates = [{ sendId: 't', generation: 1 }]
        expect(await commit(write(id, 2, { gates }))).toEqual([{ kind: 'gateLost', sendIds: ['t'] }])
        await commit(write(id, 2, { timersSet: [{ ...timer, generation: 2 }] }))
        expect(await store.dueTimers(id)).toMatchObject([{ sendId: 't', generation: 2 }])
      })

      it('are parked by the commit of a burst in which they were ignored', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const timer = timerOf(id, 't', 1, now - 1_000)
        await commit(write(id, 1, { timersSet: [timer] }))
        await commit(write(id, 2, { timersSet: [{ ...timer, parked: 'spent' }], gates: [timer] }))
        expect((await everything(id))?.timers).toMatchObject([
          { sendId: 't', generation: 1, parked: 'spent' },
        ])
      })

      it('are parked only in the given generation and for the given state of the instance', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const timer = timerOf(id, 't', 1, now - 1_000)
        await commit(write(id, 1, { timersSet: [timer] }))
        await store.spendTimer({ ...timer, generation: 2 }, stampedVersion(1))
        await store.spendTimer(timer, stampedVersion(2))
        // The same version with another stamp: a lost history.
        await store.spendTimer(timer, { ...stampedVersion(1), updatedAt: stampedVersion(1).updatedAt + 1 })
        expect(await store.dueTimers(id)).toHaveLength(1)
      })

      it('that are missing are armed, unless the instance has moved on', async () => {
        const [id, now] = [uuidv7(), await store.now()]
        const timers = ['lost', 'kept'].map(sendId => timerOf(id, sendId, 1, now + LONG_MS))
        await commit(write(id, 1, { timersSet: timers.slice(1) }))
        expect(await store.armTimers(id, 2, timers)).toBe(0)
        expect(await store.armTimers(id, 1, timers)).toBe(1)
        expect(await store.armTimers(id, 1, timers)).toBe(0)
        const stored = (await everything(id))?.timers ?? []
        expect(stored.map(({ sendId, dueAt }) => [sendId, dueAt])).toEqual(
          expect.arrayContaining(timers.map(({ sendId, dueAt }) => [sendId, dueAt])),
        )
      })

      it('are checked by one process at a time', async () => {
        const id = uuidv7()
        const snapshot = JSON.stringify({ status: 'active', value: { open: 'wide' } })
        const { row } = write(id, 1)
        await commit(write(id, 1, { row: { ...row, snapshot }, timersSet: [timerOf(id, 't', 1, LONG_MS)] }))
        await until(async () => (await store.instancesToCheck(LONG_MS))?.ids.includes(id) === true)
        expect(await opened.other.instancesToCheck(LONG_MS)).toBeUndefined()
        expect(await store.timersOf([id], DOOR)).toEqual([
          {
            instance: id,
            machine: 'door',
            definitionVersion: 1,
            version: 1,
            value: { open: 'wide' },
            timers: ['t'],
          },
        ])
        expect(await store.timersOf([id], [{ machine: 'door', version: 2 }])).toEqual([])
      })

      it('are replaced when they are armed again', async () => {
        const id = uuidv7()
        await commit(write(id, 1, { timersSet: [timerOf(id, 't', 1, 1_000)] }))
        await commit(write(id, 2, { timersSet: [timerOf(id, 't', 2, Date.now() + LONG_MS)] }))
        expect((await everything(id))?.timers).toMatchObject([{ sendId: 't', generation: 2 }])
      })
    })

    describe('deliveries', () => {
      /** Each test has its own subscriber, so deliveries of others do not disturb it. */
      async function emitted(leaseMs: number, count = 1) {
        const id = uuidv7()
        const subscriber = `subscriber ${id}`
        await store.commit([write(id, 1, emitting(id, 1, [subscriber], count))], leaseMs)
        const keys = Array.from({ length: count }, (_, index) => ({
          instance: id,
          version: 1,
          index,
          subscriber,
        }))
        const lease = (leaseMs = LEASE_MS, limit = 100, by = opened.other) =>
          by.leaseDeliveries([subscriber], DOOR, limit, leaseMs)
        return { id, subscriber, keys, lease, key: keys[0] as (typeof keys)[number] }
      }

      it('are held by the process that committed, until the lease has run out', async () => {
        const { lease } = await emitted(LEASE_MS)
        expect(await lease()).toEqual([])
      })

      it('are taken over in order by one process, and by the next when its lease has run out too', async () => {
        const { id, subscriber, lease } = await emitted(-1, 3)
        const leased = await lease(-1)
        expect(leased.map(({ event }) => event.index)).toEqual([0, 1, 2])
        expect(leased[0]).toEqual({
          event: {
            instance: id,
            machine: 'door',
            version: 1,
            index: 0,
            type: 'knocked',
            payload: { loud: true },
            audience: ['ann', 'bob'],
            at: 1_700_000_000_000,
          },
          subscriber,
          attempts: 0,
        })
        expect(await lease(LEASE_MS, 2)).toHaveLength(2)
        expect(await lease(LEASE_MS, 2)).toHaveLength(1)
        expect(await lease()).toEqual([])
      })

      it('are removed when they are settled', async () => {
        const { lease, keys } = await emitted(-1, 2)
        await store.settleDeliveries(keys.slice(0, 1))
        expect((await lease()).map(({ event }) => event.index)).toEqual([1])
      })

      it('that failed are retried after their pause, with a count of attempts', async () => {
        const { lease, key } = await emitted(LEASE_MS)
        await store.retryDelivery(key, 3, LONG_MS)
        expect(await lease()).toEqual([])
        await store.retryDelivery(key, 4, -1)
        expect(await lease()).toMatchObject([{ attempts: 4 }])
      })

      it('that are buried are dead letters until they are redriven', async () => {
        const { lease, key, id } = await emitted(-1)
        await store.buryDelivery(key, 10, 'no use')
        expect(await lease()).toEqual([])
        const letters = await store.deadLetters(undefined, 200)
        const letter = letters.find(({ instance }) => instance === id)
        expect(letter).toMatchObject({ kind: 'delivery', ...key, attempts: 10, error: 'no use' })
        // Newest first, continuing below the given position.
        const older = await store.deadLetters(letter?.id, 200)
        expect(older.filter(other => other.id >= (letter?.id ?? 0))).toEqual([])
        expect(letters.map(other => other.id)).toEqual(letters.map(other => other.id).sort((a, b) => b - a))
        expect(await store.redrive(letter?.id ?? 0)).toBe(true)
        expect(await store.redrive(letter?.id ?? 0)).toBe(false)
        await until(async () => (await lease()).length === 1)
        expect(await store.deadLetters(undefined, 200)).not.toContainEqual(
          expect.objectContaining({ instance: id }),
        )
      })

      it('that are buried can be dropped: they are never made', async () => {
        const { lease, key, id } = await emitted(-1)
        await store.buryDelivery(key, 10, 'no use')
        const letters = await store.deadLetters(undefined, 200)
        const letter = letters.find(({ instance }) => instance === id)
        expect(await store.drop(letter?.id ?? 0)).toBe(true)
        expect(await opened.other.drop(letter?.id ?? 0)).toBe(false)
        expect(await store.redrive(letter?.id ?? 0)).toBe(false)
        expect(await lease()).toEqual([])
      })
    })
  })
}

const tripColumns = {
  id: 'uuid',
  truck_id: 'text',
  customer_id: 'text',
  transporter_id: 'text',
  driver_id: 'text',
  vehicle_id: 'text',
  status: 'text',
  driver: 'jsonb',
  vehicle: 'jsonb',
  assigned_at: 'timestamptz',
} as const

const tripRow = {
  truck_id: 't1',
  customer_id: 'c',
  transporter_id: 't',
  driver_id: 'd',
  vehicle_id: 'v',
  driver: {},
  vehicle: {},
  assigned_at: '2026-01-01T00:00:00.000Z',
}
