/*
 * What clients may send, as zod schemas: HTTP bodies, path ids, query strings and socket messages.
 * Parsed at the border; everything behind it trusts the types. All objects are strict.
 */
import { z } from 'zod'

/** Trucks of one request. More would make the snapshot, which every accept rewrites, larger than 250 KB. */
export const MAX_TRUCKS = 500
/** Free text: a paragraph. Offers carry it to every transporter. */
export const MAX_TEXT_LENGTH = 500
/** A postal address is shorter; offers carry two. */
const MAX_ADDRESS_LENGTH = 300
/** A list's page: what a phone shows, and at most what one answer can hold without hurting others. */
export const DEFAULT_PAGE_SIZE = 20
export const MAX_PAGE_SIZE = 100

/** Postgres stores neither NUL nor unpaired surrogates; refusing them here keeps a batch of others safe. */
export function isStorableText(value: string): boolean {
  return !value.includes('\u0000') && value.isWellFormed()
}

const text = (max: number) =>
  z.string().max(max).refine(isStorableText, 'Expected well-formed text without NUL characters')

export const clientId = z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'Expected 1 to 64 of A-Z a-z 0-9 _ . : -')
export const vehicleType = z.string().regex(/^[a-z0-9_]{1,40}$/, 'Expected a slug of 1 to 40 of a-z 0-9 _')
/** Lower case: two spellings of one id would be two mailboxes. */
export const instanceId = z.uuid({ version: 'v7' }).toLowerCase()

export const place = z.strictObject({
  lat: z.number().min(-90).max(90),
  lng: z.number().min(-180).max(180),
  address: text(MAX_ADDRESS_LENGTH).optional(),
})

const truckCount = z.int().min(1).max(MAX_TRUCKS)

const common = {
  pickup: place,
  drop: place,
  goods: text(MAX_TEXT_LENGTH).optional(),
  notes: text(MAX_TEXT_LENGTH).optional(),
  pricePerTruck: z.number().positive().optional(),
}

const withinTruckLimit = (counts: readonly number[]) => counts.reduce((sum, n) => sum + n, 0) <= MAX_TRUCKS
const truckLimitMessage = `Expected at most ${MAX_TRUCKS} trucks in all`

export const createBroadcast = z.strictObject({
  ...common,
  trucks: z
    .array(z.strictObject({ vehicleType, count: truckCount }))
    .min(1)
    .max(MAX_TRUCKS)
    .refine(trucks => withinTruckLimit(trucks.map(t => t.count)), truckLimitMessage),
})

export const createBooking = z.strictObject({ ...common, vehicleType, trucksNeeded: truckCount })

export const createOrder = z.strictObject({
  ...common,
  truckRequests: z
    .array(z.strictObject({ vehicleType, quantity: truckCount }))
    .min(1)
    .max(MAX_TRUCKS)
    .refine(trucks => withinTruckLimit(trucks.map(t => t.quantity)), truckLimitMessage),
})

const reason = text(MAX_TEXT_LENGTH).optional()

export const acceptBody = z.strictObject({ driverId: clientId, vehicleId: clientId })
export const reasonBody = z.strictObject({ reason })

export const broadcastEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('accept'), driverId: clientId, vehicleId: clientId }),
  z.strictObject({ type: z.literal('cancel'), reason }),
  z.strictObject({ type: z.literal('decline'), reason }),
])

export const tripEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('start') }),
  z.strictObject({ type: z.literal('complete') }),
  z.strictObject({ type: z.literal('release'), reason }),
  z.strictObject({ type: z.literal('abandon'), reason }),
])

export const transporterAvailability = z.strictObject({ isAvailable: z.boolean() })
export const transporterHeartbeat = z
  .strictObject({ lat: place.shape.lat.optional(), lng: place.shape.lng.optional() })
  .refine(h => (h.lat === undefined) === (h.lng === undefined), 'Expected both lat and lng, or neither')

export const driverAvailability = z.strictObject({ isOnline: z.boolean(), vehicleId: clientId.optional() })
export const driverHeartbeat = z.strictObject({
  lat: place.shape.lat,
  lng: place.shape.lng,
  vehicleId: clientId.optional(),
})

export const putDriver = z.strictObject({ name: text(100).min(1), phone: text(30).optional() })
export const putVehicle = z.strictObject({ vehicleType, number: text(20).min(1) })
export const putUser = z.strictObject({ active: z.boolean() })
/** A point to resume from: the longest is some 130 characters. What is none is answered like a lost one. */
const resumePoint = z.string().max(200)
export const watchMessage = z.strictObject({ broadcastId: instanceId, after: resumePoint.optional() })
export const syncQuery = z.strictObject({ after: resumePoint.optional() })

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE),
  cursor: z.string().max(200).optional(),
})

const broadcastStatuses = ['searching', 'partially_filled', 'fully_filled', 'cancelled', 'expired'] as const
export const broadcastsQuery = pageQuery.extend({ status: z.enum(broadcastStatuses).optional() })
export const driversQuery = pageQuery.extend({ assignable: z.enum(['true', 'false']).optional() })

export type CreateBroadcast = z.infer<typeof createBroadcast>
export type CreateBooking = z.infer<typeof createBooking>
export type CreateOrder = z.infer<typeof createOrder>
export type BroadcastEvent = z.infer<typeof broadcastEvent>
export type TripEvent = z.infer<typeof tripEvent>
export type Place = z.infer<typeof place>
export type PageQuery = z.infer<typeof pageQuery>
export type DriverHeartbeat = z.infer<typeof driverHeartbeat>
export type TransporterHeartbeat = z.infer<typeof transporterHeartbeat>
