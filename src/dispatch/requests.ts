/*
 * What clients may send, as zod schemas: HTTP bodies, path ids, query strings and socket messages. They are parsed at
 * the border, and all code behind it trusts the types. All objects are strict.
 */
import { z } from 'zod'
import { ROLES } from './person.js'

/** Trucks of one request. With more, the snapshot, which every accept rewrites, would exceed 250 KB. */
export const MAX_TRUCKS = 500
/** Free text: a paragraph. Each offer carries it to a transporter. */
export const MAX_TEXT_LENGTH = 500
/** A postal address is shorter. Each offer carries two. */
const MAX_ADDRESS_LENGTH = 300
/** A command of any machine, as JSON. The largest of ours has half of it. Each is stored on record. */
const MAX_COMMAND_LENGTH = 4_096
/** Items on a page of a list: the default fits a phone, and the maximum keeps one answer from slowing others. */
export const DEFAULT_PAGE_SIZE = 20
export const MAX_PAGE_SIZE = 100

/**
 * Postgres stores neither NUL nor unpaired surrogates. Refused here, they cannot fail a batch with other users' writes.
 */
export function isStorableText(value: string): boolean {
  return !value.includes('\u0000') && value.isWellFormed()
}

/** The same for every text in a JSON value, names of members included. */
function isStorableJson(value: unknown): boolean {
  if (typeof value === 'string') return isStorableText(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => isStorableText(name) && isStorableJson(member))
}

const text = (max: number) =>
  z.string().max(max).refine(isStorableText, 'Expected well-formed text without NUL characters')

export const clientId = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'Expected 1 to 64 of A-Z a-z 0-9 _ . : -')
  .meta({ examples: ['asha-1'] })
/** As tokens name it. */
export const role = z.enum(ROLES)
export const vehicleType = z
  .string()
  .regex(/^[a-z0-9_]{1,40}$/, 'Expected a slug of 1 to 40 of a-z 0-9 _')
  .meta({ examples: ['14ft'] })
/** Lower case, because two spellings of one id would be two mailboxes. */
export const instanceId = z
  .uuid({ version: 'v7' })
  .toLowerCase()
  .meta({ examples: ['019a8c5e-7b1f-7c3d-9e2a-4f6b8d0c1e2f'] })

export const place = z
  .strictObject({
    lat: z
      .number()
      .min(-90)
      .max(90)
      .meta({ examples: [28.61] }),
    lng: z
      .number()
      .min(-180)
      .max(180)
      .meta({ examples: [77.2] }),
    address: text(MAX_ADDRESS_LENGTH).optional(),
  })
  .meta({ id: 'Place' })

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

/** FCM says that its tokens may grow. Today's have 163 characters. One index entry holds at most 2,704 bytes. */
const MAX_TOKEN_LENGTH = 1_024
export const device = z.strictObject({
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'Expected visible ASCII characters')
    .max(MAX_TOKEN_LENGTH)
    .meta({ examples: ['fGw0qy4TQ2:APA91bHun4MxP5egoKMwt2KZFBaFUH'] }),
  platform: z.enum(['android', 'ios', 'web']),
})

export const putDriver = z.strictObject({ name: text(100).min(1), phone: text(30).optional() })
/** The fleet whose invitation a driver accepts. */
export const joinFleet = z.strictObject({ transporterId: clientId })
export const putVehicle = z.strictObject({ vehicleType, number: text(20).min(1) })
export const putUser = z.strictObject({ active: z.boolean() })
/** Any command of the instance's machine. The machine's definition parses the rest. */
export const instanceEvent = z.strictObject({
  event: z
    .looseObject({ type: text(100).min(1) })
    .refine(isStorableJson, 'Expected well-formed text without NUL characters')
    .refine(
      event => JSON.stringify(event).length <= MAX_COMMAND_LENGTH,
      `Expected at most ${MAX_COMMAND_LENGTH} characters`,
    ),
  reason: text(MAX_TEXT_LENGTH).min(1),
})
/** A resume point has at most some 130 characters. Other text is answered like a resume point that is lost. */
const resumePoint = z.string().max(200)
export const watchMessage = z.strictObject({ broadcastId: instanceId, after: resumePoint.optional() })
export const syncQuery = z.strictObject({ after: resumePoint.optional() })

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE),
  cursor: z.string().max(200).optional(),
})

const broadcastStatuses = ['searching', 'partially_filled', 'fully_filled', 'cancelled', 'expired'] as const
export const broadcastsQuery = pageQuery.extend({ status: z.enum(broadcastStatuses).optional() })
const word = z.string().regex(/^[a-z_]{1,40}$/, 'Expected 1 to 40 of a-z _')
export const instancesQuery = pageQuery.extend({
  machine: word.optional(),
  status: word.optional(),
  owner: clientId.optional(),
})
export const recipientsQuery = pageQuery.extend({
  transporterId: clientId.optional(),
  isOffered: z.enum(['true', 'false']).optional(),
})
export const actionsQuery = pageQuery.extend({ adminId: clientId.optional() })
export const driversQuery = pageQuery.extend({ assignable: z.enum(['true', 'false']).optional() })

export type CreateBroadcast = z.infer<typeof createBroadcast>
export type CreateBooking = z.infer<typeof createBooking>
export type CreateOrder = z.infer<typeof createOrder>
export type BroadcastEvent = z.infer<typeof broadcastEvent>
export type TripEvent = z.infer<typeof tripEvent>
export type InstancesQuery = z.infer<typeof instancesQuery>
export type ActionsQuery = z.infer<typeof actionsQuery>
export type InstanceEvent = z.infer<typeof instanceEvent>
export type Device = z.infer<typeof device>
export type Place = z.infer<typeof place>
export type PageQuery = z.infer<typeof pageQuery>
export type DriverHeartbeat = z.infer<typeof driverHeartbeat>
export type TransporterHeartbeat = z.infer<typeof transporterHeartbeat>
