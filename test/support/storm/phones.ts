/* The apps of many users, each with its own socket through the rough network, and all events that each has received. */
import { createClient } from '../../../src/client/index.js'
import type { Role } from '../../../src/dispatch/person.js'
import { until } from '../engine/engine.js'
import { PICKUP } from '../server/fleet.js'
import { tokenFor } from '../server/tokens.js'
import type { User } from './processes.js'

export interface Heard {
  readonly id: string
  readonly type: string
  readonly broadcastId?: string
  readonly version: number
}

export interface Phone {
  readonly user: User
  /** Every event that came, including repeated and late ones. */
  readonly heard: readonly Heard[]
  /** The events that the app was shown, each id once. */
  readonly shown: readonly Heard[]
  /** How often the client was told to start from the current state. */
  readonly resyncs: number
  readonly reconnects: number
  /** Called for each event that the app is shown. */
  onShown: (event: Heard) => void
  close(): void
}

/** Connects all users, and resolves when all are connected. */
export async function connectPhones(url: string, users: readonly User[]): Promise<readonly Phone[]> {
  const phones = await Promise.all(users.map(user => connectPhone(url, user)))
  await until(() => phones.every(({ isReady }) => isReady()), 60_000)
  return phones
}

async function connectPhone(url: string, user: User): Promise<Phone & { isReady(): boolean }> {
  const place = { lat: PICKUP.lat, lng: PICKUP.lng }
  const beats: Partial<Record<Role, () => object>> = { driver: () => place, transporter: () => ({}) }
  const beat = beats[user.role]
  const client = createClient({
    url,
    token: await tokenFor(user.role, user.id),
    ...(beat === undefined ? {} : { beat }),
  })
  const heard: Heard[] = []
  const shown: Heard[] = []
  let resyncs = 0
  let connects = 0
  const phone = {
    user,
    heard,
    shown,
    get resyncs() {
      return resyncs
    },
    get reconnects() {
      return Math.max(0, connects - 1)
    },
    onShown(_event: Heard) {},
    isReady: () => client.isConnected,
    close: () => client.close(),
  }
  client.on('event', event => {
    // The current state of a driver is announced without an id and may be missed.
    if (event.type === 'driver_status_changed') return
    heard.push(event)
    shown.push(event)
    phone.onShown(event)
  })
  client.on('dropped', ({ event }) => heard.push(event))
  client.on('resync', () => {
    resyncs += 1
  })
  client.on('connected', () => {
    connects += 1
  })
  await client.connect()
  return phone
}
