/* A driver: agrees to its transporter, says where it is, sets off when it gets a trip, and delivers. */
import type { DriverFleet, LoadcastEvent, Trip } from '../../src/client/index.js'
import type { ApiClient } from '../api-client.js'
import type { Stage } from '../stage.js'
import type { Driver } from '../world.js'

/** Some load for so long that the show ends first: their trips stay assigned, or can still be cancelled. */
const SETS_OFF_SHARE = 0.85
/** About 200 m: a truck is not parked on the town's midpoint. */
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
    // The transporter may give it back, or the customer cancel, in the same moment.
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

/** Its transporter has invited it. */
async function agree(api: ApiClient): Promise<void> {
  const path = '/api/v1/driver/fleet'
  const { body } = await api.call<DriverFleet>({ method: 'GET', path })
  for (const { transporterId } of body?.invitations ?? []) {
    await api.call({ method: 'POST', path, body: { transporterId } })
  }
}
