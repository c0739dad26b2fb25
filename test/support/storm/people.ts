/* What users do meanwhile: customers create and cancel, transporters accept their offers, drivers drive. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from '../engine/seeded.js'
import { asking } from '../server/fleet.js'
import type { Phone } from './phones.js'
import type { Processes, User } from './processes.js'

export interface Cast {
  readonly customers: readonly User[]
  readonly transporters: readonly User[]
  readonly drivers: readonly User[]
  readonly all: readonly User[]
}

const VEHICLE_TYPE = '14ft'

export function castOf(customers: number, transporters: number): Cast {
  const people = (role: User['role'], count: number) =>
    Array.from({ length: count }, (_, i): User => ({ id: `${role}-${i}`, role }))
  const cast = {
    customers: people('customer', customers),
    transporters: people('transporter', transporters),
    drivers: people('driver', transporters),
  }
  return { ...cast, all: Object.values(cast).flat() }
}

/** Each transporter has one driver and one vehicle. They are ready for offers after the driver's first heartbeat. */
export async function registerFleet({ call }: Processes, { transporters, drivers }: Cast): Promise<void> {
  const must = async (...args: Parameters<Processes['call']>) => {
    const { status, body } = await call(...args)
    if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`)
  }
  await Promise.all(
    transporters.map(async (transporter, i) => {
      const driver = drivers[i] as User
      const vehicle = { vehicleType: VEHICLE_TYPE, number: `DL ${i}` }
      await must(transporter, 'PUT', `/api/v1/transporter/vehicles/v-${i}`, vehicle)
      await must(transporter, 'PUT', `/api/v1/transporter/drivers/${driver.id}`, { name: `Driver ${i}` })
      await must(driver, 'POST', '/api/v1/driver/fleet', { transporterId: transporter.id })
      await must(transporter, 'PUT', '/api/v1/transporter/availability', { isAvailable: true })
      await must(driver, 'PUT', '/api/v1/driver/availability', { isOnline: true, vehicleId: `v-${i}` })
    }),
  )
}

/** Creates requests one after the other. Every third is cancelled, and most of these cancels are too late. */
export async function askForTrucks(
  { call }: Processes,
  customer: User,
  chance: Chance,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const { status, body } = await call(customer, 'POST', '/api/v1/broadcasts', asking(1 + chance.below(2)))
    if (status === 201 && chance.below(3) === 0) {
      await delay(chance.below(1_000))
      await call(customer, 'POST', `/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
    }
    await delay(500 + chance.below(1_500))
  }
}

/** Accepts some offers. The trips that are won are carried out by the driver or given back. */
export function acceptOffers(processes: Processes, phone: Phone, chance: Chance): { idle(): Promise<void> } {
  const number = phone.user.id.split('-')[1]
  const truck = { driverId: `driver-${number}`, vehicleId: `v-${number}` }
  let work: Promise<unknown> = Promise.resolve()
  const trip = (id: string, type: string) =>
    processes.call(phone.user, 'POST', `/api/v1/trips/${id}/events`, { type })

  async function tryFor(broadcastId: string): Promise<void> {
    await delay(chance.below(600))
    const path = `/api/v1/broadcast/${broadcastId}/accept`
    const { status, body } = await processes.call(phone.user, 'POST', path, truck)
    if (status !== 200) return
    const { tripId } = body.assignment
    await delay(chance.below(400))
    if (chance.below(4) === 0) await trip(tripId, 'release')
    else {
      await trip(tripId, 'start')
      await delay(chance.below(300))
      await trip(tripId, 'complete')
    }
  }

  phone.onShown = ({ type, broadcastId }) => {
    if (type !== 'new_broadcast' || broadcastId === undefined || chance.below(2) === 0) return
    work = work.then(() => tryFor(broadcastId))
  }
  return { idle: () => work.then(() => {}) }
}
