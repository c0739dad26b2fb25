import type { Caller } from '../../../src/dispatch/person.js'
import type { FleetStore } from '../../../src/dispatch/ports.js'
import type { CreateBroadcast } from '../../../src/dispatch/requests.js'
import type { Product } from './dispatch.js'
import { DROP, driver, PICKUP, transporter } from './people.js'
import { expectOk } from './results.js'

export function asking(count = 1, vehicleType = 'tata_ace'): CreateBroadcast {
  return { pickup: PICKUP, drop: DROP, trucks: [{ vehicleType, count }] }
}

export interface Truck {
  readonly caller: Caller
  readonly driverId: string
  readonly vehicleId: string
}

/** Invites the driver to the caller's fleet, and has the driver agree. */
export async function hire(
  { dispatch }: Pick<Product, 'dispatch'>,
  caller: Caller,
  driverId: string,
  named: { name: string; phone?: string } = { name: `Driver ${driverId}` },
): Promise<void> {
  expectOk(await dispatch.putDriver(caller, driverId, named))
  expectOk(await dispatch.joinFleet(driver(driverId), { transporterId: caller.id }))
}

/** A transporter with a driver and a vehicle. With `place`, they are ready for offers there. */
export async function registerTruck(
  { dispatch }: Pick<Product, 'dispatch'>,
  name: string,
  { vehicleType = 'tata_ace', place }: { vehicleType?: string; place?: { lat: number; lng: number } } = {},
): Promise<Truck> {
  const caller = transporter(`t-${name}`)
  const driverId = `d-${name}`
  const vehicleId = `v-${name}`
  await dispatch.isActive(caller)
  await dispatch.isActive(driver(driverId))
  await hire({ dispatch }, caller, driverId, { name: `Driver ${name}`, phone: '+91 98' })
  expectOk(await dispatch.putVehicle(caller, vehicleId, { vehicleType, number: `DL ${name}` }))
  if (place !== undefined) {
    expectOk(await dispatch.setTransporterAvailability(caller, true))
    expectOk(await dispatch.setDriverAvailability(driver(driverId), { isOnline: true, vehicleId }))
    expectOk(await dispatch.driverHeartbeat(driver(driverId), place))
  }
  return { caller, driverId, vehicleId }
}

export function accept({ dispatch }: Pick<Product, 'dispatch'>, id: string, truck: Truck) {
  const { caller, driverId, vehicleId } = truck
  return dispatch.sendToBroadcast(caller, id, { type: 'accept', driverId, vehicleId })
}

/** The same, with `meanwhile` between the reads of the accept and its commit. */
export function acceptSlowly(
  product: Pick<Product, 'dispatch' | 'fleet'>,
  id: string,
  truck: Truck,
  meanwhile: () => Promise<unknown>,
) {
  const fleet = product.fleet as { -readonly [K in 'acceptFacts']: FleetStore[K] }
  const { acceptFacts } = fleet
  fleet.acceptFacts = async (...asked) => {
    fleet.acceptFacts = acceptFacts
    const facts = await acceptFacts(...asked)
    await meanwhile()
    return facts
  }
  return accept(product, id, truck)
}
