import { z } from 'zod'
import { clientId, device, instanceId, role } from '../../../dispatch/requests.js'

export const byInstance = z.strictObject({ id: instanceId })
export const byTrip = z.strictObject({ tripId: instanceId })
export const byDriver = z.strictObject({ driverId: clientId })
export const byVehicle = z.strictObject({ vehicleId: clientId })
/** As `encodeURIComponent` writes it in a path. */
export const byDeviceToken = z.strictObject({ token: device.shape.token })
export const byUser = z.strictObject({ role, userId: clientId })
/** Serial; fifteen digits are exact in JavaScript. */
export const byDeadLetter = z.strictObject({ id: z.string().regex(/^[1-9]\d{0,14}$/) })
