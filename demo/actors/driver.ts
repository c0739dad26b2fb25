/* A driver: joins the transporter's fleet, reports positions, starts its trips and completes them. */
import type { DriverFleet, LoadcastEvent, Trip } from '../../src/client/index.js'
import type { ApiClient } from '../api-client.js'
import type { Stage } from '../stage.js'
import type { Driver } from '../world.js'

/** The other drivers load until the show ends. Their trips stay assigned, or can still be cancelled. */
const SETS_OFF_SHARE = 0.85
/** About 200 m, because no truck is parked in the exact centre of a town. */
const PARKING_DEGREES = 0.002

export async function playDriver(driver: Driver, stage: Stage): Promise<void> {
  const random = stage.random.fork(driver.id)
  const takenBack = new Set<string>()
  const caller = { id: driver.id, role: 'driver' } as const
  const { api, connection } = await stage.enter(caller, hear, beat)
  const vehicleId = driver.vehicle.id
  await agree(api)
  await api.call({ method: 'PUT', path: '/api/v1/driver/availability', body: { isOnline: true, vehicleId } })
  await connection.open()

  function hear(event: LoadcastEvent): void {
    if (event.type === 'trip_assigned') stage.perform(() => drive(event.data.trip))
    if (event.type === 'trip_cancelled') takenBack.add(event.data.trip.id)
  }

  function beat() {
    const { lat, lng } = driver.town
    const aside = () => (random.next() - 0.5) * 2 * PARKING_DEGREES
    return { lat: lat + aside(), lng: lng + aside(), vehicleId: driver.vehicle.id }
  }

  async function drive({ id }: Trip): Promise<void> {
    const setsOff = random.chance(SETS_OFF_SHARE)
    const loadingMs = random.logNormal(4_500, 0.6, 1_000, 15_000)
    const drivingMs = random.logNormal(4_000, 0.5, 1_500, 12_000)
    const path = `/api/v1/trips/${id}/events`
    if (!(await stage.pause(loadingMs)) || !setsOff || takenBack.has(id)) return
    // The transporter may release the trip, or the customer cancel, at the same moment.
    const started = await api.call({
      method: 'POST',
      path,
      body: { type: 'start' },
      expected: ['EVENT_NOT_ALLOWED', 'BROADCAST_CANCELLED'],
    })
    if (started.body === undefined || !(await stage.pause(drivingMs))) return
    await api.call({ method: 'POST', path, body: { type: 'complete' } })
  }
}

/** Accepts the transporter's invitation. */
async function agree(api: ApiClient): Promise<void> {
  const path = '/api/v1/driver/fleet'
  const { body } = await api.call<DriverFleet>({ method: 'GET', path })
  for (const { transporterId } of body?.invitations ?? []) {
    await api.call({ method: 'POST', path, body: { transporterId } })
  }
}
