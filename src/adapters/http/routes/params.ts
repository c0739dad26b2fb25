import { z } from 'zod'
import { clientId, device, instanceId, role } from '../../../dispatch/requests.js'

export const byInstance = z.strictObject({ id: instanceId })
export const byTrip = z.strictObject({ tripId: instanceId })
export const byDriver = z.strictObject({ driverId: clientId })
export const byVehicle = z.strictObject({ vehicleId: clientId })
/** Written in the path with `encodeURIComponent`. */
export const byDeviceToken = z.strictObject({ token: device.shape.token })
export const byUser = z.strictObject({ role, userId: clientId })
/** A serial number. JavaScript represents fifteen digits exactly. */
export const byDeadLetter = z.strictObject({ id: z.string().regex(/^[1-9]\d{0,14}$/) })
