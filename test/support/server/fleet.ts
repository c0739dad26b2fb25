import { type Client, createClient } from './clients.js'

/** Around New Delhi, where the requests of the tests begin. */
export const PICKUP = { lat: 28.61, lng: 77.2, address: 'Connaught Place, New Delhi' }
export const DROP = { lat: 19.07, lng: 72.87, address: 'Bandra, Mumbai' }

export interface Truck {
  readonly transporter: Client
  readonly driver: Client
  readonly driverId: string
  readonly vehicleId: string
}

/** A transporter with one driver and one vehicle, known to the server and, if asked for, ready for offers. */
export async function registerTruck(
  url: string,
  name: string,
  { vehicleType = '14ft', isReady = false } = {},
): Promise<Truck> {
  const transporter = await createClient(url, 'transporter', `t-${name}`)
  const driver = await createClient(url, 'driver', `d-${name}`)
  const vehicleId = `v-${name}`
  must(
    await transporter.put(`/api/v1/transporter/vehicles/${vehicleId}`, { vehicleType, number: 'DL 1L 4242' }),
  )
  await hire(transporter, driver, { name: 'Asha', phone: '+91 98' })
  if (isReady) {
    must(await transporter.put('/api/v1/transporter/availability', { isAvailable: true }))
    must(await driver.put('/api/v1/driver/availability', { isOnline: true, vehicleId }))
    must(await driver.post('/api/v1/driver/heartbeat', { lat: PICKUP.lat, lng: PICKUP.lng, vehicleId }))
  }
  return { transporter, driver, driverId: driver.id, vehicleId }
}

/** The driver is invited, and agrees. */
export async function hire(
  transporter: Client,
  driver: Client,
  named: { name: string; phone?: string } = { name: 'Asha' },
): Promise<void> {
  must(await transporter.put(`/api/v1/transporter/drivers/${driver.id}`, named))
  must(await driver.post('/api/v1/driver/fleet', { transporterId: transporter.id }))
}

/** A request of this many trucks of one type. */
export function asking(count: number, vehicleType = '14ft'): Record<string, unknown> {
  return { pickup: PICKUP, drop: DROP, trucks: [{ vehicleType, count }] }
}

export function acceptBody(truck: Truck): { driverId: string; vehicleId: string } {
  return { driverId: truck.driverId, vehicleId: truck.vehicleId }
}

function must(answer: { status: number; body: unknown }): void {
  if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
}
