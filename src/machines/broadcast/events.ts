/*
 * The input and the commands of a broadcast, as complete zod schemas without the stamp. Every string is well-formed, free
 * of NUL and bounded, because one bad string would abort the commit that it shares with other requests. Who may send which
 * command is decided by dispatch, not here.
 */
import { z } from 'zod'

const YEAR_MS = 366 * 24 * 3600 * 1000
const EARTH_HALF_ROUND_KM = 20_040

/** Postgres refuses NUL in text and lone surrogates in jsonb. */
const storable = (text: string) => !/\0|[\uD800-\uDFFF]/u.test(text)

const text = (maxLength: number) =>
  z.string().max(maxLength).refine(storable, 'must be well-formed Unicode without NUL')

const name = (maxLength: number) => text(maxLength).min(1)

/** An id that a client chose, of a user, a driver or a vehicle. */
const id = z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/)

const vehicleType = z.string().regex(/^[a-z0-9_]{1,40}$/)

const place = z.strictObject({
  lat: z.number().min(-90).max(90),
  lng: z.number().min(-180).max(180),
  address: text(500).optional(),
})

const MAX_TRUCKS = 500

const truckLine = z.strictObject({ vehicleType, count: z.int().min(1).max(MAX_TRUCKS) })

const trucks = z
  .array(truckLine)
  .min(1)
  .max(MAX_TRUCKS)
  .refine(
    lines => lines.reduce((sum, line) => sum + line.count, 0) <= MAX_TRUCKS,
    `must be ${MAX_TRUCKS} trucks at most in all`,
  )

const durationMs = z.int().min(1).max(YEAR_MS)

/** One to four ascending distances, because the chart has a state for each of four. */
const reachStepsKm = z
  .array(z.number().positive().max(EARTH_HALF_ROUND_KM))
  .min(1)
  .max(4)
  .refine(
    steps => steps.every((step, index) => index === 0 || step > (steps[index - 1] ?? 0)),
    'must be ascending',
  )

/** The input of a new broadcast. The settings are copied into it, so a later change does not affect the broadcast. */
export const broadcastInput = z
  .strictObject({
    customerId: id,
    kind: z.enum(['booking', 'order']),
    pickup: place,
    drop: place,
    trucks,
    goods: text(500).optional(),
    notes: text(500).optional(),
    pricePerTruck: z.number().positive().optional(),
    /** A hash of the payload, which tells a double tap from another request. */
    fingerprint: name(128).optional(),
    /** The expired broadcast whose missing trucks this one requests again. */
    retryOf: z.uuid().optional(),
    timeoutMs: durationMs,
    reachStepMs: durationMs,
    reachStepsKm,
    cancelWindowMs: z.int().min(0).max(YEAR_MS),
  })
  .refine(input => input.kind === 'order' || new Set(input.trucks.map(line => line.vehicleType)).size === 1, {
    path: ['trucks'],
    message: 'must be of one vehicle type in a booking',
  })

const reason = text(500).optional()
const tripId = z.uuid()

/** Names and plates are facts of the fleet. Dispatch reads them; they do not come from the client. */
const accept = z.strictObject({
  type: z.literal('accept'),
  transporterId: id,
  driver: z.strictObject({ id, name: name(100), phone: text(32).optional() }),
  vehicle: z.strictObject({ id, number: name(20), vehicleType }),
})

const cancel = z.strictObject({ type: z.literal('cancel'), reason })
const tripStart = z.strictObject({ type: z.literal('trip.start'), tripId })
const tripComplete = z.strictObject({ type: z.literal('trip.complete'), tripId })
const tripRelease = z.strictObject({ type: z.literal('trip.release'), tripId, reason })
const tripAbandon = z.strictObject({ type: z.literal('trip.abandon'), tripId, reason })

/** Everyone who was offered the request at `step` has declined. A late event, of an earlier step, changes nothing. */
const reachExhausted = z.strictObject({
  type: z.literal('reach.exhausted'),
  step: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal('everyone')]),
})

/** By event type. */
export const broadcastCommands = {
  accept,
  cancel,
  'trip.start': tripStart,
  'trip.complete': tripComplete,
  'trip.release': tripRelease,
  'trip.abandon': tripAbandon,
  'reach.exhausted': reachExhausted,
}

export type BroadcastInput = z.infer<typeof broadcastInput>
export type BroadcastCommandType = keyof typeof broadcastCommands
export type BroadcastCommand = z.infer<(typeof broadcastCommands)[BroadcastCommandType]>
