import { z } from 'zod'
import { clientId, instanceId } from '../../../dispatch/requests.js'

export const byInstance = z.strictObject({ id: instanceId })
export const byTrip = z.strictObject({ tripId: instanceId })
export const byDriver = z.strictObject({ driverId: clientId })
export const byVehicle = z.strictObject({ vehicleId: clientId })
export const byUser = z.strictObject({ userId: clientId })
