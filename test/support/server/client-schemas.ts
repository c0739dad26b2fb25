/*
 * The client's types as strict schemas, which parse what the server sends. Each schema must have exactly the type that it
 * stands for, so neither the schemas nor the client's types can drift.
 */
import { z } from 'zod'
import type * as client from '../../../src/client/index.js'
import type {
  BroadcastStatus as MachineStatus,
  TripStatus as MachineTripStatus,
} from '../../../src/machines/index.js'

/** `true` only if the types are the same, including optional members. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
export const holds = <_TSame extends true>() => {}

const time = z.iso.datetime()
const place = z.strictObject({ lat: z.number(), lng: z.number(), address: z.string().optional() })
const broadcastStatus = z.enum(['searching', 'partially_filled', 'fully_filled', 'cancelled', 'expired'])
const tripStatus = z.enum(['assigned', 'started', 'completed', 'released', 'cancelled', 'abandoned'])

export const trip = z.strictObject({
  id: z.uuid(),
  broadcastId: z.uuid(),
  truckId: z.string(),
  status: tripStatus,
  pickup: place,
  drop: place,
  goods: z.string().exactOptional(),
  driver: z.strictObject({ id: z.string(), name: z.string(), phone: z.string().optional() }),
  vehicle: z.strictObject({ id: z.string(), number: z.string(), vehicleType: z.string() }),
  driverId: z.string(),
  vehicleId: z.string(),
  transporterId: z.string(),
  assignedAt: time,
  startedAt: time.exactOptional(),
  completedAt: time.exactOptional(),
  endedAt: time.exactOptional(),
})

export const broadcast = z.strictObject({
  id: z.uuid(),
  status: broadcastStatus,
  version: z.int(),
  kind: z.enum(['booking', 'order']),
  customerId: z.string(),
  pickup: place,
  drop: place,
  goods: z.string().exactOptional(),
  notes: z.string().exactOptional(),
  pricePerTruck: z.number().exactOptional(),
  trucksNeeded: z.int(),
  trucksFilled: z.int(),
  trucks: z.array(
    z.strictObject({
      id: z.string(),
      vehicleType: z.string(),
      status: z.enum(['open', 'taken']),
      trip: trip.exactOptional(),
    }),
  ),
  reach: z.strictObject({
    step: z.union([z.number(), z.literal('everyone'), z.literal('done')]),
    radiusKm: z.number().nullable(),
    notified: z.int(),
  }),
  createdAt: time,
  updatedAt: time,
  expiresAt: time,
  endedAt: time.exactOptional(),
  endReason: z.enum(['filled', 'cancelled', 'timeout', 'truck_released']).exactOptional(),
  nextEvents: z.array(z.string()),
})

const envelope = <TType extends string, TData extends z.ZodRawShape>(type: TType, data: TData) =>
  z.strictObject({
    id: z.string(),
    broadcastId: z.uuid(),
    tripId: z.uuid().exactOptional(),
    version: z.int(),
    type: z.literal(type),
    at: time,
    data: z.strictObject({ title: z.string().min(1), ...data }),
  })

const progress = { status: broadcastStatus, trucksFilled: z.int(), trucksNeeded: z.int() }
const retry = z.strictObject({ href: z.string() })
const optionalProgress = {
  status: broadcastStatus.exactOptional(),
  trucksFilled: z.int().exactOptional(),
  trucksNeeded: z.int().exactOptional(),
}

export const resumableEvent = z.discriminatedUnion('type', [
  envelope('new_broadcast', { broadcast, distanceKm: z.number().exactOptional() }),
  envelope('booking_updated', { ...progress, reopened: z.literal(true).exactOptional() }),
  envelope('booking_expired', {
    reason: z.enum(['timeout', 'customer_cancelled', 'fully_filled']),
    ...optionalProgress,
    retry: retry.exactOptional(),
  }),
  envelope('truck_confirmed', { ...progress, trip }),
  envelope('truck_released', { ...progress, trip, retry: retry.exactOptional() }),
  envelope('no_vehicles_available', { ...progress, retry }),
  envelope('trip_assigned', { trip }),
  envelope('trip_cancelled', { trip, reason: z.enum(['release', 'abandon', 'customer_cancelled']) }),
])

export const driverStatusEvent = z.strictObject({
  type: z.literal('driver_status_changed'),
  at: time,
  data: z.strictObject({ driverId: z.string(), isOnline: z.boolean(), isBusy: z.boolean() }),
})

holds<Same<DeepReadonly<z.infer<typeof trip>>, DeepReadonly<client.Trip>>>()
holds<Same<DeepReadonly<z.infer<typeof broadcast>>, DeepReadonly<client.Broadcast>>>()
holds<Same<DeepReadonly<z.infer<typeof resumableEvent>>, DeepReadonly<client.ResumableEvent>>>()
holds<Same<DeepReadonly<z.infer<typeof driverStatusEvent>>, DeepReadonly<client.DriverStatusEvent>>>()
holds<Same<client.BroadcastStatus, MachineStatus>>()
holds<Same<client.TripStatus, MachineTripStatus>>()

/** Also flattens intersections, which would otherwise differ from the object they describe. */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T
