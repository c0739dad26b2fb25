/* Calls of every kind that uses the database, and the allowed answers while it fails. */
import { expect } from '@jest/globals'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import { type Answer, call, createClient } from '../server/clients.js'
import { asking } from '../server/fleet.js'
import { TEST_REFRESH_SECRET } from '../server/tokens.js'

export type Named = readonly (readonly [name: string, answer: Answer])[]

const NO_ID = '01890a5d-ac96-774b-bcce-b302099a8057'
let people = 0

/** Calls of every kind that uses the database, by new users, all at once. `onAnswer` gets the name of each as it is answered. */
export async function callEverything(url: string, onAnswer = (_name: string) => {}): Promise<Named> {
  const n = ++people
  const customer = await createClient(url, 'customer', `c-${n}`)
  const transporter = await createClient(url, 'transporter', `t-${n}`)
  const driver = await createClient(url, 'driver', `d-${n}`)
  const admin = await createClient(url, 'admin', `a-${n}`)
  const refreshToken = await signRefreshToken({ id: `c-${n}`, role: 'customer' }, TEST_REFRESH_SECRET)
  const calls: Readonly<Record<string, () => Promise<Answer>>> = {
    create: () => customer.post('/api/v1/broadcasts', asking(1)),
    'create with a key': async () => {
      const other = await createClient(url, 'customer', `k-${n}`)
      return other.post('/api/v1/broadcasts', asking(1), { 'idempotency-key': `key-${n}` })
    },
    cancel: () => customer.post(`/api/v1/broadcasts/${NO_ID}/events`, { type: 'cancel' }),
    accept: () =>
      transporter.post(`/api/v1/broadcast/${NO_ID}/accept`, { driverId: `d-${n}`, vehicleId: `v-${n}` }),
    list: () => customer.get('/api/v1/broadcasts'),
    offers: () => transporter.get('/api/v1/broadcasts'),
    history: () => customer.get(`/api/v1/broadcasts/${NO_ID}/history`),
    trip: () => driver.get(`/api/v1/trips/${NO_ID}`),
    'driver added': () => transporter.put(`/api/v1/transporter/drivers/d-${n}`, { name: 'Ravi' }),
    'vehicle added': () =>
      transporter.put(`/api/v1/transporter/vehicles/v-${n}`, { vehicleType: '20ft', number: 'KA 1' }),
    'transporter online': () => transporter.put('/api/v1/transporter/availability', { isAvailable: true }),
    'driver online': () => driver.put('/api/v1/driver/availability', { isOnline: true }),
    heartbeat: () => driver.post('/api/v1/driver/heartbeat', { lat: 1, lng: 1 }),
    answers: () => transporter.get('/api/v1/transporter/answers'),
    device: () => customer.post('/api/v1/devices', { token: `token-${n}`, platform: 'android' }),
    instances: () => admin.get('/api/v1/admin/instances'),
    'dead letters': () => admin.get('/api/v1/admin/dead-letters'),
    refresh: () =>
      call(url, 'POST', '/api/v1/auth/refresh', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
      }),
  }
  return Promise.all(
    Object.entries(calls).map(async ([name, run]) => {
      const answer = await run()
      onAnswer(name)
      return [name, answer] as const
    }),
  )
}

/** Served, refused by a rule, or 503 with Retry-After: anything but a 500. */
export function expectNoFault(answers: Named): void {
  for (const [name, { status, body, headers }] of answers) {
    if (status < 500) continue
    expect({ name, status, code: body.code }).toEqual({ name, status: 503, code: 'UNAVAILABLE' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  }
}

/** The calls that got 503. */
export const refused = (answers: Named) =>
  answers.filter(([, { status }]) => status === 503).map(([name]) => name)
