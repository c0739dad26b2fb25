/* A request with everyone who can stand in a relation to it, over HTTP: what calls to every route are made with. */

import type { Route } from '../../../src/adapters/http/route.js'
import { publicRoutes, routes } from '../../../src/adapters/http/routes.js'
import type { Role } from '../../../src/dispatch/person.js'
import { type Answer, type Client, createClient } from '../server/clients.js'
import { acceptBody, asking, hire, registerTruck, type Truck } from '../server/fleet.js'
import type { TestApp } from '../server/server.js'

export interface Scene {
  readonly id: string
  readonly tripId: string
  readonly deadLetterId: string
  readonly vehicleType: string
  /** Whose request it is. */
  readonly customer: Client
  /** Has asked for nothing. */
  readonly otherCustomer: Client
  /** Has a trip on it, and one more truck. */
  readonly party: Truck
  readonly spare: { readonly driverId: string; readonly vehicleId: string }
  /** Was offered it. */
  readonly offered: Truck
  /** Knows nothing of it. */
  readonly stranger: Truck
  readonly admin: Client
  readonly viewer: Client
}

let scenes = 0

export async function createScene(app: TestApp): Promise<Scene> {
  const n = ++scenes
  const { url } = app
  const vehicleType = `type_${n}`
  const party = await registerTruck(url, `party-${n}`, { vehicleType, isReady: true })
  const offered = await registerTruck(url, `offered-${n}`, { vehicleType, isReady: true })
  const stranger = await registerTruck(url, `stranger-${n}`, { vehicleType: 'other' })
  const spare = { driverId: `d-spare-${n}`, vehicleId: `v-spare-${n}` }
  await hire(party.transporter, await createClient(url, 'driver', spare.driverId), { name: 'Ravi' })
  await party.transporter.put(`/api/v1/transporter/vehicles/${spare.vehicleId}`, {
    vehicleType,
    number: 'KA 1',
  })
  const customer = await createClient(url, 'customer', `c-${n}`)
  const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(3, vehicleType))
  const accepted = await party.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, acceptBody(party))
  const admin = await createClient(url, 'admin', `a-${n}`)
  return {
    id: broadcast.id,
    tripId: accepted.body.assignment.tripId,
    deadLetterId: await bury(app, broadcast.id),
    vehicleType,
    customer,
    otherCustomer: await createClient(url, 'customer', `other-c-${n}`),
    party,
    spare,
    offered,
    stranger,
    admin,
    viewer: await createClient(url, 'viewer', `w-${n}`),
  }
}

/** A dead letter of the request's first event, as if it had been tried too often. */
async function bury({ query }: TestApp, id: string): Promise<string> {
  const sql = `insert into dead_letters (instance, version, index, subscriber, attempts, error)
    select instance, version, index, 'socket', 10, 'made by a test' from events where instance = $1
    order by version, index limit 1 returning id::text`
  const [letter] = await query<{ id: string }>(sql, [id])
  if (letter === undefined) throw new Error(`${id} has emitted nothing`)
  return letter.id
}

/** Has the request's timer fire at once: it expires with one trip assigned and two trucks open. */
export async function expire(
  { query }: TestApp,
  { id, customer }: Pick<Scene, 'id' | 'customer'>,
): Promise<void> {
  await query(`update timers set due_at = now() where instance = $1 and send_id like '%broadcastTimeout%'`, [
    id,
  ])
  for (;;) {
    const { body } = await customer.get(`/api/v1/broadcasts/${id}`)
    if (body.status === 'expired') return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

export const actors = [
  'customer',
  'otherCustomer',
  'party',
  'offered',
  'stranger',
  'driver',
  'otherDriver',
  'admin',
  'viewer',
] as const
export type Actor = (typeof actors)[number]

export const roleOf: Readonly<Record<Actor, Role>> = {
  customer: 'customer',
  otherCustomer: 'customer',
  party: 'transporter',
  offered: 'transporter',
  stranger: 'transporter',
  driver: 'driver',
  otherDriver: 'driver',
  admin: 'admin',
  viewer: 'viewer',
}

export function clientOf(scene: Scene, actor: Actor): Client {
  switch (actor) {
    case 'customer':
    case 'otherCustomer':
    case 'admin':
    case 'viewer':
      return scene[actor]
    case 'driver':
      return scene.party.driver
    case 'otherDriver':
      return scene.stranger.driver
    default:
      return scene[actor].transporter
  }
}

/** The path of a route with the scene's ids in it. */
export function pathIn(scene: Scene, { path }: Pick<Route, 'path'>): string {
  const ids: Readonly<Record<string, string>> = {
    id: path.includes('/dead-letters/') ? scene.deadLetterId : scene.id,
    tripId: scene.tripId,
    driverId: scene.spare.driverId,
    vehicleId: scene.spare.vehicleId,
    role: 'customer',
    userId: scene.otherCustomer.id,
    token: encodeURIComponent(`fGw0:${scene.id}`),
    file: 'start.js',
  }
  return path.replaceAll(/:(\w+)/g, (_, name: string) => ids[name] ?? `no id for ${name}`)
}

/** A body that fits the route. Throws for a route that nobody has thought of here. */
export function bodyFor(scene: Scene, route: Route, command: string, actor: Actor): unknown {
  if (route.body === undefined) return undefined
  const own = actor === 'offered' ? scene.offered : actor === 'stranger' ? scene.stranger : undefined
  const truck = own === undefined ? scene.spare : acceptBody(own)
  const place = { lat: 28.6, lng: 77.2 }
  const asked = { pickup: place, drop: place }
  const bodies: Readonly<Record<string, unknown>> = {
    createBroadcast: { ...asked, trucks: [{ vehicleType: 'other', count: 1 }] },
    createBooking: { ...asked, vehicleType: 'other', trucksNeeded: 1 },
    createOrder: { ...asked, truckRequests: [{ vehicleType: 'other', quantity: 1 }] },
    sendToBroadcast:
      command === 'broadcast.accept' ? { type: 'accept', ...truck } : { type: wordOf(command) },
    cancelBooking: {},
    acceptBroadcast: truck,
    declineBroadcast: { reason: 'Too far' },
    setTransporterAvailability: { isAvailable: true },
    transporterHeartbeat: {},
    putDriver: { name: 'Asha' },
    joinFleet: { transporterId: scene.party.transporter.id },
    putVehicle: { vehicleType: scene.vehicleType, number: 'KA 2' },
    setDriverAvailability: { isOnline: true },
    driverHeartbeat: place,
    sendToTrip: { type: wordOf(command) },
    putUser: { active: true },
    sendToInstance: { event: { type: 'cancel' }, reason: 'Asked for by phone' },
    // One device after another.
    registerDevice: { token: `token-of-${actor}-${scene.id}`, platform: 'android' },
    removeDeviceByBody: { token: `token-of-${actor}-${scene.id}`, platform: 'android' },
    redriveDeadLetter: { reason: 'Fixed' },
    dropDeadLetter: { reason: 'Of no use any more' },
  }
  if (!(route.id in bodies)) throw new Error(`Say in test/support/api/scene.ts what ${route.id} is sent`)
  return bodies[route.id]
}

export const wordOf = (command: string) => command.split('.')[1] ?? command

export function send(
  client: Client,
  route: Pick<Route, 'method'>,
  path: string,
  body?: unknown,
): Promise<Answer> {
  if (route.method === 'get') return client.get(path)
  return client[route.method](path, body)
}

export { publicRoutes, routes }
