import { afterEach, describe, expect, it } from '@jest/globals'
import { useDatabase } from '../../support/database/use-database.js'
import { openEngine } from '../../support/engine/engine.js'

const actor = { id: 'tester', role: 'admin' }
const keyed = (key: string, fingerprint = 'f') => ({
  actor,
  key: { scope: 'ann POST /doors', key, fingerprint },
})
const door = { owner: 'ann', closeMs: 3_600_000 }

const { connectionString, sql } = await useDatabase({ connections: 1 })
const opened: { close(): Promise<void> }[] = []
const open = () => {
  const one = openEngine(connectionString)
  opened.push(one)
  return one.engine
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
})

describe('an idempotency key', () => {
  it('makes one instance of twenty creates, on two engines at once, and every answer names it', async () => {
    const engines = [open(), open()]
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => engines[i % 2]?.create('door', door, keyed('create'))),
    )
    const created = outcomes.filter(o => o?.kind === 'created')
    expect(created).toHaveLength(1)
    const id = created[0]?.kind === 'created' ? created[0].instance.id : ''
    for (const outcome of outcomes) {
      if (outcome?.kind === 'created') continue
      expect(outcome).toMatchObject({
        kind: 'replayed',
        used: { instance: id, version: 1, fingerprint: 'f' },
      })
    }
    expect((await sql.query('select count(*)::int as n from instances where id = $1', [id])).rows[0].n).toBe(
      1,
    )
  })

  it('has precedence over a refusal: the twin of an applied command is not refused as too late', async () => {
    const engine = open()
    const created = await engine.create('door', door, { actor })
    if (created.kind !== 'created') throw new Error('expected a door')
    const { id } = created.instance
    const opening = () => engine.send(id, { type: 'open', who: 'bob' }, keyed('open'))
    const [first, ...twins] = await Promise.all([opening(), opening(), opening()])
    if (first?.kind !== 'applied') throw new Error('expected the door to open')
    for (const twin of twins) {
      expect(twin).toMatchObject({ kind: 'replayed', used: { version: 2, uid: first.uid } })
    }
  })

  it('is not used up by a refusal', async () => {
    const engine = open()
    const created = await engine.create('door', door, { actor })
    if (created.kind !== 'created') throw new Error('expected a door')
    const { id } = created.instance
    await engine.send(id, { type: 'open', who: 'bob' }, { actor })
    expect(await engine.send(id, { type: 'open', who: 'eve' }, keyed('again'))).toMatchObject({
      kind: 'refused',
    })
    await engine.send(id, { type: 'close' }, { actor })
    expect(await engine.send(id, { type: 'open', who: 'eve' }, keyed('again'))).toMatchObject({
      kind: 'applied',
    })
  })

  it('used with another payload returns the fingerprint of its first use', async () => {
    const engine = open()
    await engine.create('door', door, keyed('payload', 'one'))
    expect(await engine.create('door', door, keyed('payload', 'two'))).toMatchObject({
      kind: 'replayed',
      used: { fingerprint: 'one' },
    })
  })

  it('finds the instance as it was when the key was used', async () => {
    const engine = open()
    const created = await engine.create('door', door, { actor })
    if (created.kind !== 'created') throw new Error('expected a door')
    const { id } = created.instance
    await engine.send(id, { type: 'open', who: 'bob' }, { actor })
    await engine.send(id, { type: 'close' }, { actor })
    expect(await engine.at(id, 2)).toMatchObject({ version: 2, status: 'open' })
    expect(await engine.at(id, 9)).toBeUndefined()
  })
})
