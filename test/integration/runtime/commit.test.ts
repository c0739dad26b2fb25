import { describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { InstanceWrite } from '../../../src/runtime/ports.js'
import { taking, write } from '../../support/database/instance-write.js'
import { useDatabase } from '../../support/database/use-database.js'

const LEASE_MS = 5_000

const { connectionString, sql, closing } = await useDatabase({ connections: 1 })
const store = closing(createPostgresStore({ connectionString }))

const commit = (...writes: InstanceWrite[]) => store.commit(writes, LEASE_MS)
const kinds = async (...writes: InstanceWrite[]) => (await commit(...writes)).map(r => r.kind)
const count = async (text: string, ...values: unknown[]) =>
  Number((await sql.query(`select count(*) as n from ${text}`, values)).rows[0].n)

describe('the commit statement', () => {
  it('moves an instance only from the version it was decided on', async () => {
    const id = uuidv7()
    expect(await kinds(write(id, 1))).toEqual(['moved'])
    expect(await kinds(write(id, 1))).toEqual(['stale'])
    expect(await kinds(write(id, 3))).toEqual(['stale'])
    expect(await kinds(write(id, 2))).toEqual(['moved'])
    expect(await count('journal where instance = $1', id)).toBe(2)
  })

  it('writes nothing of an instance that did not move, and all of the others', async () => {
    const [fresh, gone] = [uuidv7(), uuidv7()]
    const more = (id: string): Partial<InstanceWrite> => ({
      ...taking(`key:${id}`),
      events: [
        {
          instance: id,
          machine: 'door',
          version: 2,
          index: 0,
          type: 'knocked',
          payload: {},
          audience: ['ann', 'bob'],
          at: Date.now(),
          subscribers: ['socket'],
        },
      ],
      timersSet: [
        {
          instance: id,
          machine: 'door',
          sendId: 't',
          generation: 2,
          event: { type: 't' },
          dueAt: Date.now() + 1e6,
        },
      ],
    })
    await commit(write(fresh, 1))
    expect(await kinds(write(gone, 2, more(gone)), write(fresh, 2, more(fresh)))).toEqual(['stale', 'moved'])
    for (const table of ['journal', 'events', 'outbox', 'timers', 'claims']) {
      expect([table, await count(`${table} where instance = $1`, gone)]).toEqual([table, 0])
    }
    expect(await count("events where instance = $1 and audience = '{ann,bob}'", fresh)).toBe(1)
    expect(await count('outbox where instance = $1', fresh)).toBe(1)
    expect(await count('timers where instance = $1', fresh)).toBe(1)
  })

  it('leaves out an instance that needs a key of another one, and names the holder', async () => {
    const [holder, other, third] = [uuidv7(), uuidv7(), uuidv7()]
    expect(await kinds(write(holder, 1, taking('key:a')))).toEqual(['moved'])
    const results = await commit(write(other, 1, taking('key:a', 'key:b')), write(third, 1, taking('key:c')))
    expect(results).toEqual([{ kind: 'claimed', holders: new Map([['key:a', holder]]) }, { kind: 'moved' }])
    expect(await count("claims where key = 'key:b'")).toBe(0)
  })

  it('lets a key that was freed be taken by the next commit', async () => {
    const [first, second] = [uuidv7(), uuidv7()]
    await commit(write(first, 1, taking('key:d')))
    await commit(write(first, 2, { claimsFreed: ['key:d'] }))
    expect(await kinds(write(second, 1, taking('key:d')))).toEqual(['moved'])
  })

  it('gives a key wanted by two connections at the same instant to one of them', async () => {
    const other = createPostgresStore({ connectionString })
    try {
      for (let round = 0; round < 20; round++) {
        const key = `key:race${round}`
        const [a, b] = await Promise.all([
          store.commit([write(uuidv7(), 1, taking(key)), write(uuidv7(), 1)], LEASE_MS),
          other.commit([write(uuidv7(), 1, taking(key)), write(uuidv7(), 1)], LEASE_MS),
        ])
        expect([a[0]?.kind, b[0]?.kind].sort()).toEqual(['claimed', 'moved'])
        expect([a[1]?.kind, b[1]?.kind]).toEqual(['moved', 'moved'])
      }
    } finally {
      await other.close()
    }
  })

  it('does not deadlock when two connections commit the same instances in opposite orders', async () => {
    const ids = Array.from({ length: 50 }, () => uuidv7())
    await commit(...ids.map(id => write(id, 1)))
    const other = createPostgresStore({ connectionString })
    try {
      for (let version = 2; version < 12; version++) {
        const writes = ids.map(id => write(id, version))
        const [a, b] = await Promise.all([
          store.commit(writes, LEASE_MS),
          other.commit([...writes].reverse(), LEASE_MS),
        ])
        const moved = [...a, ...b].filter(r => r.kind === 'moved')
        expect(moved).toHaveLength(50)
      }
    } finally {
      await other.close()
    }
    const { rows } = await sql.query(
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    )
    expect(rows[0].deadlocks).toBe(0)
  })

  it('applies a timer once: the gate fails when it is gone or was armed again', async () => {
    const id = uuidv7()
    const timer = { instance: id, machine: 'door', sendId: 't', event: { type: 't' }, dueAt: Date.now() }
    await commit(write(id, 1, { timersSet: [{ ...timer, generation: 1 }] }))
    const firing = (version: number, generation: number) =>
      write(id, version, { gates: [{ sendId: 't', generation }], timersRemoved: ['t'] })
    expect(await commit(firing(2, 7))).toEqual([{ kind: 'gateLost', sendIds: ['t'] }])
    expect(await commit(firing(2, 1))).toEqual([{ kind: 'moved' }])
    expect(await commit(firing(3, 1))).toEqual([{ kind: 'gateLost', sendIds: ['t'] }])
  })

  it('finds the one instance that cannot be stored and commits the rest', async () => {
    const ids = Array.from({ length: 9 }, () => uuidv7())
    const bad = '{"text":"\\u0000"}'
    const writes = ids.map((id, i) => {
      const w = write(id, 1)
      return i === 4 ? { ...w, row: { ...w.row, snapshot: bad } } : w
    })
    const results = await commit(...writes)
    expect(results.map(r => r.kind)).toEqual(ids.map((_, i) => (i === 4 ? 'unstorable' : 'moved')))
  })

  it('takes one round trip for hundreds of instances', async () => {
    const ids = Array.from({ length: 300 }, () => uuidv7())
    expect((await commit(...ids.map(id => write(id, 1)))).every(r => r.kind === 'moved')).toBe(true)
    const xmins = await sql.query(
      'select count(distinct xmin::text)::int as n from instances where id = any($1)',
      [ids],
    )
    expect(xmins.rows[0].n).toBe(1)
  })
})
