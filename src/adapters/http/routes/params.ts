import { z } from 'zod'
import { clientId, instanceId } from '../../../dispatch/requests.js'

/** Lower case is how we write ids: one request must not go by two names. */
const ownId = instanceId.toLowerCase()

export const byInstance = z.strictObject({ id: ownId })
export const byTrip = z.strictObject({ tripId: ownId })
export const byDriver = z.strictObject({ driverId: clientId })
export const byVehicle = z.strictObject({ vehicleId: clientId })
export const byUser = z.strictObject({ userId: clientId })
