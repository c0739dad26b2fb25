/* Lets one hostile person for each route do its worst against a server with caps, and measures what it left. */
import { publicRoutes, routes } from '../../../src/adapters/http/routes.js'
import { createScene, type Scene } from '../api/scene.js'
import { until } from '../engine/engine.js'
import { type Answer, call, createClient } from '../server/clients.js'
import { startTestApp, type TestApp } from '../server/server.js'
import { type Growth, growth, registerNear, type Stage, type TestCaps } from './hostile.js'
import { growthSince, type Size, type Sizes, sizesOf } from './sizes.js'

export const allRoutes = [...publicRoutes, ...routes]

export interface Theatre {
  readonly app: TestApp
  readonly caps: TestCaps
  readonly scene: Scene
  close(): Promise<void>
}

export async function openTheatre(caps: TestCaps): Promise<Theatre> {
  const app = await startTestApp({
    env: {
      CREATES_PER_MINUTE: String(caps.creates),
      CREATES_PER_DAY: String(caps.creates),
      CANCELS_PER_HOUR: String(caps.cancels),
      RELEASES_PER_REQUEST: String(caps.releases),
      IDEMPOTENCY_KEYS_PER_DAY: String(caps.keys),
      ADMIN_ACTIONS_PER_HOUR: String(caps.actions),
      TRIPS_PER_DAY: String(caps.trips),
      MAX_FLEET: String(caps.fleet),
      // Nothing goes by time: what grows was made by somebody.
      BROADCAST_TIMEOUT_SECONDS: '86400',
      REACH_STEP_SECONDS: '86400',
    },
  })
  const scene = await createScene(app)
  await registerNear(app)
  return { app, caps, scene, close: () => app.close() }
}

/** A refused accept is written so much later. */
const REFUSALS_WITHIN_MS = 250

/** Everything that was told has been told. */
const settle = ({ query }: TestApp) => until(async () => (await query('select from outbox')).length === 0)

async function settleAll(app: TestApp): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, REFUSALS_WITHIN_MS))
  await settle(app)
}

/** What `attempts` of the route's hostile person leave, and how the last ones were answered. */
export async function attack(
  theatre: Theatre,
  route: string,
  { role, prepare }: Growth,
  attempts: number,
): Promise<Record<string, Size>> {
  const { app, caps, scene } = theatre
  const names = { customer: 'c', transporter: 't', driver: 'd', admin: 'a', viewer: 'v' }
  const me = await createClient(app.url, role, `${names[role]}-${route}`)
  let keys = 0
  const send: Stage['send'] = async (method, path, body) => {
    const key = `${route}-${keys++}`.padEnd(255, '.')
    const answer = await me[method](path, body, { 'idempotency-key': key })
    return isOutOfKeys(answer) ? me[method](path, body) : answer
  }
  const once = await prepare({ app, caps, scene, me, send })
  await settle(app)
  const before = await sizesOf(app)
  for (let n = 0; n < attempts; n++) await once(n)
  await settleAll(app)
  return growthSince(before, await sizesOf(app))
}

const isOutOfKeys = ({ status, body }: Answer) =>
  status === 429 && String(body.detail).includes('Idempotency-Key')

/** The same call again and again, by everyone who may make it, with ids that are there. */
export async function read({ app, scene }: Theatre, route: string, times: number): Promise<void> {
  const found = allRoutes.find(({ id }) => id === route)
  if (found === undefined) throw new Error(`There is no route ${route}`)
  const { id, tripId, deadLetterId, party } = scene
  const given: Record<string, string> = {
    id: found.path.includes('dead-letters') ? deadLetterId : id,
    tripId,
    driverId: party.driverId,
    vehicleId: party.vehicleId,
    userId: party.transporter.id,
    role: 'transporter',
  }
  const path = found.path.replaceAll(/:(\w+)/g, (_, name: string) => given[name] ?? 'x')
  const roles = 'roles' in found ? found.roles : ['customer' as const]
  for (const role of roles) {
    const me = await createClient(app.url, role, `reader-${role}`)
    const headers = { authorization: `Bearer ${me.token}` }
    for (let n = 0; n < times; n++) await call(app.url, found.method.toUpperCase(), path, { headers })
  }
}

export async function grownBy(app: TestApp, work: () => Promise<void>): Promise<Record<string, Size>> {
  await settle(app)
  const before: Sizes = await sizesOf(app)
  await work()
  await settleAll(app)
  return growthSince(before, await sizesOf(app))
}

/** Routes of the table, without those that only read. */
export const hostileRoutes = Object.entries(growth).flatMap(([route, one]) =>
  one === 'nothing' ? [] : [[route, one] as const],
)
export const readingRoutes = Object.keys(growth).filter(route => growth[route] === 'nothing')
