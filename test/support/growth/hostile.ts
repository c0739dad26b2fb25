/*
 * For each route the person who makes the most of it: what it sends, over and over, and the rows that this leaves at most.
 * A route that is not here fails the test, and so does one that makes a row which is not capped here.
 */
import { randomBytes } from 'node:crypto'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import { ADVISED_CAPS } from '../../../src/app/settings/caps.js'
import type { Role } from '../../../src/dispatch/person.js'
import { expire, type Scene } from '../api/scene.js'
import { type Answer, type Client, createClient } from '../server/clients.js'
import { asking, DROP, PICKUP, registerTruck } from '../server/fleet.js'
import type { TestApp } from '../server/server.js'
import { TEST_REFRESH_SECRET } from '../server/tokens.js'

/** The caps of the test: small, and one window of each stands for the day. */
export interface TestCaps {
  readonly creates: number
  readonly cancels: number
  readonly releases: number
  readonly trips: number
  readonly keys: number
  readonly actions: number
  readonly fleet: number
}

/** Transporters near the pickup that are offered each request, each with a device. */
export const NEAR = 10

export interface Stage {
  readonly app: TestApp
  readonly caps: TestCaps
  readonly scene: Scene
  /** The hostile person, of the route's role. */
  readonly me: Client
  /** Sends with a new key of the longest kind, or without one where keys are used up. */
  send(method: 'post' | 'put', path: string, body?: unknown): Promise<Answer>
}

type Attack = (n: number) => Promise<unknown>
type Most = (caps: TestCaps) => Readonly<Record<string, number>>

export interface Growth {
  readonly role: Role
  /** Makes what it needs, which does not count, and answers what it sends the n-th time. */
  prepare(stage: Stage): Promise<Attack> | Attack
  /** Rows beyond those of `everybody`. */
  readonly most: Most
  readonly unit: Unit
}

/** What it makes one of, as docs/GROWTH.md says it. */
export interface Unit {
  /** Its rows are counted; absent: all attempts together make one. */
  readonly table?: string | undefined
  /** What bounds it: a setting, or what the code says. */
  readonly cap: string
  readonly most: number
  /** It is made day after day. Else it is as many for good. */
  readonly isDaily?: true
}

const request: Unit = {
  table: 'instances',
  cap: 'CREATES_PER_DAY',
  most: ADVISED_CAPS.CREATES_PER_DAY,
  isDaily: true,
}
const trip: Unit = { table: 'trips', cap: 'TRIPS_PER_DAY', most: ADVISED_CAPS.TRIPS_PER_DAY, isDaily: true }
const deed: Unit = {
  table: 'admin_actions',
  cap: 'ADMIN_ACTIONS_PER_HOUR',
  most: 24 * ADVISED_CAPS.ADMIN_ACTIONS_PER_HOUR,
  isDaily: true,
}
const fleetOf = (table: string): Unit => ({ table, cap: 'MAX_FLEET', most: 1_000 })
const oneRow: Unit = { cap: 'one row', most: 1 }
const MAX_DEVICES = 10

/** A user, and its keys. */
export const everybody: Most = ({ keys }) => ({
  users: 1,
  people: 1,
  idempotency_keys: keys,
  idempotency_key_counts: 1,
})

const noise = (length: number) => randomBytes(length).toString('hex').slice(0, length)
const NEAR_TYPE = 'near'

/** As large as a request may be: nothing in it repeats, so that nothing can be packed. */
const largest = () => ({
  pickup: { ...PICKUP, address: noise(300) },
  drop: { ...DROP, address: noise(300) },
  goods: noise(500),
  notes: noise(500),
  pricePerTruck: Math.random() * 1e6,
})
const trucksOf = (name: 'count' | 'quantity') => [
  { vehicleType: NEAR_TYPE, [name]: 1 },
  ...Array.from({ length: 499 }, () => ({ vehicleType: noise(40), [name]: 1 })),
]

export async function registerNear({ url }: TestApp): Promise<void> {
  for (let i = 0; i < NEAR; i++) {
    const { transporter } = await registerTruck(url, `near-${i}`, { vehicleType: NEAR_TYPE, isReady: true })
    await transporter.post('/api/v1/devices', { token: `near-${i}`, platform: 'android' })
  }
}

/** What one request leaves that is made and cancelled: two transitions, and for each transporter near an offer and its end. */
const perRequest = (requests: number) => ({
  instances: requests,
  journal: 2 * requests,
  events: 5 * requests,
  recipients: NEAR * requests,
  pushes: 2 * NEAR * requests,
})

const creating = (path: string, body: () => object): Growth => ({
  role: 'customer',
  prepare:
    ({ me, send }) =>
    async () => {
      const made = await send('post', path, body())
      if (made.status < 300) await me.post(`/api/v1/broadcasts/${made.body.id}/events`, { type: 'cancel' })
    },
  most: ({ cancels }) => perRequest(cancels),
  unit: request,
})

/** The same thing again and again, with whatever body: what it changes is one row, or none. */
const repeating = (
  role: Role,
  method: 'post' | 'put',
  path: string,
  body: (n: number) => unknown,
  most: Readonly<Record<string, number>> = {},
  unit: Unit = oneRow,
): Growth => ({
  role,
  prepare:
    ({ send }) =>
    n =>
      send(method, path, body(n)),
  most: () => most,
  unit,
})

/** Accepts, gives back and accepts again, on a request that seeks many trucks. */
const acceptLoop = (path: (id: string) => string, body: (truck: object) => object): Growth => ({
  role: 'transporter',
  async prepare({ app, me, send }) {
    const bystander = await createClient(app.url, 'customer', `bystander-${me.id}`)
    const vehicleType = noise(12)
    const { id } = (await bystander.post('/api/v1/broadcasts', asking(50, vehicleType))).body
    const truck = await truckOf(app, me, vehicleType)
    return async () => {
      const { status, body: answer } = await send('post', path(id), body(truck))
      if (status < 300) {
        await me.post(`/api/v1/trips/${answer.assignment.tripId}/events`, {
          type: 'release',
          reason: noise(500),
        })
      }
    }
  },
  most: ({ releases }) => ({
    journal: 2 * releases,
    events: 2 * releases,
    trips: releases,
    // One of each kind of refusal that a transporter may meet on a request.
    answers: 9,
  }),
  unit: trip,
})

async function truckOf(app: TestApp, me: Client, vehicleType: string) {
  const { driverId, vehicleId } = await registerTruck(app.url, me.id.replace(/^t-/, ''), { vehicleType })
  return { driverId, vehicleId }
}

const administering = (
  method: 'post' | 'put',
  path: (scene: Scene, n: number) => string,
  body: (n: number) => unknown,
  more: Most = () => ({}),
): Growth => ({
  role: 'admin',
  prepare:
    ({ send, scene }) =>
    n =>
      send(method, path(scene, n), body(n)),
  most: caps => ({ admin_actions: caps.actions, ...more(caps) }),
  unit: deed,
})

/** `nothing`: it reads, or takes away. */
export const growth: Readonly<Record<string, Growth | 'nothing'>> = {
  createBroadcast: creating('/api/v1/broadcasts', () => ({ ...largest(), trucks: trucksOf('count') })),
  createOrder: creating('/api/v1/orders', () => ({ ...largest(), truckRequests: trucksOf('quantity') })),
  createBooking: creating('/api/v1/booking', () => ({
    ...largest(),
    vehicleType: NEAR_TYPE,
    trucksNeeded: 500,
  })),
  retryBroadcast: {
    role: 'customer',
    async prepare({ app, me, send }) {
      let { id } = (await me.post('/api/v1/broadcasts', { ...largest(), trucks: trucksOf('count') })).body
      return async () => {
        await expire(app, { id, customer: me })
        const again = await send('post', `/api/v1/broadcasts/${id}/retry`)
        if (again.status < 300) id = again.body.id
      }
    },
    // The last one still seeks, with two timers and its customer's claim; that a request was retried is claimed for good.
    most: ({ creates }) => ({ ...perRequest(creates), claims: creates, timers: 2 }),
    unit: request,
  },
  sendToBroadcast: acceptLoop(
    id => `/api/v1/broadcasts/${id}/events`,
    truck => ({ type: 'accept', ...truck }),
  ),
  acceptBroadcast: acceptLoop(
    id => `/api/v1/broadcast/${id}/accept`,
    truck => truck,
  ),
  cancelBooking: {
    role: 'customer',
    async prepare({ me, send }) {
      const { id } = (await me.post('/api/v1/broadcasts', { ...largest(), trucks: trucksOf('count') })).body
      return () => send('put', `/api/v1/booking/${id}/cancel`, { reason: noise(500) })
    },
    most: () => ({ journal: 1, events: 4, pushes: NEAR }),
    unit: { ...request, table: undefined },
  },
  declineBroadcast: {
    role: 'transporter',
    async prepare({ app, me, send }) {
      const vehicleType = noise(12)
      await registerTruck(app.url, me.id.replace(/^t-/, ''), { vehicleType, isReady: true })
      const bystander = await createClient(app.url, 'customer', `bystander-${me.id}`)
      const { id } = (await bystander.post('/api/v1/broadcasts', asking(1, vehicleType))).body
      return () => send('post', `/api/v1/broadcast/${id}/decline`, { reason: noise(500) })
    },
    // All declined: its reach widens step by step to its end.
    most: () => ({ answers: 1, journal: 5, events: 10 }),
    unit: { cap: 'one an offer', most: 1 },
  },
  sendToTrip: {
    role: 'transporter',
    async prepare({ app, me, send }) {
      const bystander = await createClient(app.url, 'customer', `bystander-${me.id}`)
      const vehicleType = noise(12)
      const { id } = (await bystander.post('/api/v1/broadcasts', asking(1, vehicleType))).body
      const truck = await truckOf(app, me, vehicleType)
      const { body } = await me.post(`/api/v1/broadcast/${id}/accept`, truck)
      return n =>
        send('post', `/api/v1/trips/${body.assignment.tripId}/events`, { type: n % 2 ? 'complete' : 'start' })
    },
    most: () => ({ journal: 2, events: 4 }),
    unit: { ...trip, table: undefined },
  },
  setTransporterAvailability: repeating(
    'transporter',
    'put',
    '/api/v1/transporter/availability',
    n => ({ isAvailable: n % 2 === 0 }),
    { transporters: 1 },
  ),
  transporterHeartbeat: repeating('transporter', 'post', '/api/v1/transporter/heartbeat', () => ({})),
  putDriver: {
    role: 'transporter',
    prepare:
      ({ send, me }) =>
      n =>
        send('put', `/api/v1/transporter/drivers/${me.id}-${n}`, { name: noise(100), phone: noise(30) }),
    most: ({ fleet }) => ({ driver_invitations: fleet }),
    unit: fleetOf('driver_invitations'),
  },
  putVehicle: {
    role: 'transporter',
    prepare:
      ({ send, me }) =>
      n =>
        send('put', `/api/v1/transporter/vehicles/${me.id}-${n}`, {
          vehicleType: noise(40),
          number: noise(20),
        }),
    most: ({ fleet }) => ({ vehicles: fleet }),
    unit: fleetOf('vehicles'),
  },
  setDriverAvailability: {
    role: 'driver',
    async prepare({ app, me, send }) {
      const name = me.id.replace(/^d-/, '')
      const { vehicleId } = await registerTruck(app.url, name, { vehicleType: noise(12) })
      return n => send('put', '/api/v1/driver/availability', { isOnline: n % 2 === 0, vehicleId })
    },
    most: () => ({}),
    unit: oneRow,
  },
  driverHeartbeat: {
    role: 'driver',
    async prepare({ app, me, send }) {
      const name = me.id.replace(/^d-/, '')
      const { vehicleId } = await registerTruck(app.url, name, { vehicleType: noise(12) })
      return n => send('post', '/api/v1/driver/heartbeat', { lat: n / 100, lng: 77, vehicleId })
    },
    most: () => ({}),
    unit: oneRow,
  },
  registerDevice: repeating(
    'driver',
    'post',
    '/api/v1/devices',
    () => ({ token: noise(1_024), platform: 'web' }),
    { devices: MAX_DEVICES },
    { table: 'devices', cap: '10 devices', most: MAX_DEVICES },
  ),
  refreshToken: {
    role: 'customer',
    async prepare({ app, me }) {
      let refreshToken = await signRefreshToken({ id: me.id, role: 'customer' }, TEST_REFRESH_SECRET)
      return async () => {
        const response = await fetch(`${app.url}/api/v1/auth/refresh`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ refreshToken }),
        })
        if (response.ok) refreshToken = ((await response.json()) as { refreshToken: string }).refreshToken
      }
    },
    most: () => ({ refresh_families: 1 }),
    unit: { cap: 'one a sign-in', most: 1 },
  },
  putUser: administering(
    'put',
    (_, n) => `/api/v1/admin/users/driver/${noise(60)}-${n}`,
    n => ({ active: n % 2 === 0 }),
    ({ actions }) => ({ users: actions, people: actions }),
  ),
  endSessions: administering(
    'post',
    (_, n) => `/api/v1/admin/users/driver/${noise(60)}-${n}/sessions/end`,
    () => undefined,
    ({ actions }) => ({ users: actions, people: actions }),
  ),
  // Its token is good no more after the first.
  logout: repeating('customer', 'post', '/api/v1/auth/logout', () => undefined),
  sendToInstance: administering(
    'post',
    ({ id }) => `/api/v1/admin/instances/${id}/events`,
    () => ({ event: { type: 'cancel', reason: noise(500) }, reason: noise(500) }),
    () => ({ journal: 1, events: 8, pushes: NEAR, answers: 9 }),
  ),
  redriveDeadLetter: administering(
    'post',
    ({ deadLetterId }) => `/api/v1/admin/dead-letters/${deadLetterId}/redrive`,
    () => ({ reason: noise(500) }),
  ),
  dropDeadLetter: administering(
    'post',
    ({ deadLetterId }) => `/api/v1/admin/dead-letters/${deadLetterId}/drop`,
    () => ({ reason: noise(500) }),
  ),
  joinFleet: {
    role: 'driver',
    async prepare({ app, me, send }) {
      const fleets = await Promise.all(
        ['one', 'other'].map(name => createClient(app.url, 'transporter', `t-${name}-of-${me.id}`)),
      )
      const path = `/api/v1/transporter/drivers/${me.id}`
      return async n => {
        const transporter = fleets[n % 2]
        await transporter?.put(path, { name: noise(100) })
        await send('post', '/api/v1/driver/fleet', { transporterId: transporter?.id })
      }
    },
    // In one fleet at a time; what the other one named it is gone with the invitation.
    most: () => ({ drivers: 1, driver_invitations: 1, users: 2, people: 2 }),
    unit: { table: 'drivers', cap: 'one row', most: 1 },
  },
  getDriverFleet: 'nothing',
  leaveFleet: 'nothing',
  deleteDriver: 'nothing',
  deleteVehicle: 'nothing',
  removeDevice: 'nothing',
  removeDeviceByBody: 'nothing',
  listBroadcasts: 'nothing',
  getBroadcast: 'nothing',
  getHistory: 'nothing',
  listDrivers: 'nothing',
  getDriver: 'nothing',
  listAnswers: 'nothing',
  listVehicles: 'nothing',
  listDriverTrips: 'nothing',
  getTrip: 'nothing',
  sync: 'nothing',
  listInstances: 'nothing',
  getInstance: 'nothing',
  listDeadLetters: 'nothing',
  listRecipients: 'nothing',
  tellStory: 'nothing',
  listAdminActions: 'nothing',
  getHealth: 'nothing',
  getLiveness: 'nothing',
  getMetrics: 'nothing',
  getFrontPage: 'nothing',
  getOpenApi: 'nothing',
  getDocs: 'nothing',
  getDocsFile: 'nothing',
}
