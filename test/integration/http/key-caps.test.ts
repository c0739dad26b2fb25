import { describe, expect, test } from '@jest/globals'
import { createIdempotencyStore } from '../../../src/adapters/postgres/product/idempotency-store.js'
import { statementsOf } from '../../support/database/statements.js'
import { createClient } from '../../support/server/clients.js'
import { asking, registerTruck } from '../../support/server/fleet.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const PER_DAY = 3

const env = { IDEMPOTENCY_KEYS_PER_DAY: String(PER_DAY) }
const app = await useTestApp({ env })
const other = await app.beside({ env })

const key = (value: string) => ({ 'idempotency-key': value })
const keysOf = async (person: string) =>
  (await app.query('select from idempotency_keys where scope like $1', [`%${person} %`])).length

describe('IDEMPOTENCY_KEYS_PER_DAY', () => {
  test('R11.4 R2.3 above the cap a new key is refused before any work, and used ones still work', async () => {
    const me = await createClient(app.url, 'customer', 'c-keys')
    const first = await me.post('/api/v1/broadcasts', asking(1), key('k0'))
    expect(first.status).toBe(201)
    const cancelled = await me.post(
      `/api/v1/broadcasts/${first.body.id}/events`,
      { type: 'cancel' },
      key('k1'),
    )
    expect(cancelled.status).toBe(200)
    const second = await me.post('/api/v1/broadcasts', asking(2), key('k2'))
    expect(second.status).toBe(201)

    const cancel = (name: string) =>
      me.post(`/api/v1/broadcasts/${second.body.id}/events`, { type: 'cancel' }, key(name))
    const refused = await cancel('k3')
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'RATE_LIMITED', detail: expect.stringContaining('Idempotency-Key') },
    })
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(86_400)
    expect((await me.get(`/api/v1/broadcasts/${second.body.id}`)).body.status).toBe('searching')

    const again = await me.post('/api/v1/broadcasts', asking(1), key('k0'))
    expect([again.status, again.body]).toEqual([201, first.body])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect((await me.post('/api/v1/broadcasts', asking(9), key('k0'))).body.code).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    )
    expect(await keysOf('c-keys')).toBe(PER_DAY)

    // Without a key nothing is kept, and nothing is refused for it.
    expect(
      (await me.post(`/api/v1/broadcasts/${second.body.id}/events`, { type: 'cancel' })).body.outcome,
    ).toBe('applied')
  })

  test('R11.4 applies to commands without a transition, on every process, for each role separately', async () => {
    const { transporter } = await registerTruck(app.url, 'keys')
    const elsewhere = await createClient(other.url, 'transporter', transporter.id)
    const beat = (client: typeof transporter, name: string) =>
      client.post('/api/v1/transporter/heartbeat', {}, key(name))
    for (let i = 0; i < PER_DAY; i++) expect((await beat(transporter, `b${i}`)).status).toBe(200)
    expect((await beat(transporter, 'b9')).status).toBe(429)
    // Another process learns of it with the first key that it keeps.
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push((await beat(elsewhere, `e${i}`)).status)
    expect(statuses).toEqual([200, 429, 429, 429])
    const sameSub = await createClient(app.url, 'customer', transporter.id)
    expect((await sameSub.post('/api/v1/broadcasts', asking(1), key('mine'))).status).toBe(201)
  })

  test('R11.4 a crowd of one person overshoots only by the requests in progress', async () => {
    const { transporter } = await registerTruck(app.url, 'crowd')
    const beat = (name: string) => transporter.post('/api/v1/transporter/heartbeat', {}, key(name))
    const crowd = await Promise.all(Array.from({ length: 10 }, (_, i) => beat(`c${i}`)))
    expect(crowd.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(PER_DAY)
    for (let i = 0; i < 5; i++) expect((await beat(`late-${i}`)).status).toBe(429)
    const [row] = await app.query<{ used: number }>(
      'select used from idempotency_key_counts where person = $1',
      [`transporter ${transporter.id}`],
    )
    expect(row?.used).toBe(await keysOf(transporter.id))
  })

  test('is counted by the statement that keeps the answer, and deleted after its day', async () => {
    const keys = createIdempotencyStore(app.sql, { perDay: 2 })
    const used = (n: number) => ({ scope: 'customer c-sweep POST /x', key: `k${n}`, fingerprint: 'f' })
    const person = 'customer c-sweep'
    const { statements } = await statementsOf(() => keys.save(used(1), {}, person))
    // The servers of the other tests go on with what is theirs.
    expect(statements.filter(text => text.includes('idempotency_key'))).toHaveLength(1)
    expect(keys.spentFor(person)).toBeUndefined()
    await keys.save(used(2), {}, person)
    expect(keys.spentFor(person)).toBeGreaterThan(0)
    await app.sql.query(`update idempotency_key_counts set day = day - 2 where person = $1`, [person])
    await keys.sweep(24 * 3_600_000, 100)
    expect(
      (await app.sql.query('select from idempotency_key_counts where person = $1', [person])).rowCount,
    ).toBe(0)
    // Tomorrow: the memory of the process has ended with the day.
    const tomorrow = createIdempotencyStore(app.sql, { perDay: 2 })
    await tomorrow.save(used(3), {}, person)
    expect(tomorrow.spentFor(person)).toBeUndefined()
  })
})
