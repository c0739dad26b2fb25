/*
 * The shapes that leave the server, as zod schemas. The code builds values of their types, and the OpenAPI document is
 * written from them. Nothing is parsed with them. access.ts decides which callers may read. visibility.ts,
 * broadcast-view, trip-view and fleet-view decide which fields they see, and nothing else does.
 */
import { z } from 'zod'
import { clientId, instanceId, place, vehicleType } from '../requests.js'

const time = z.iso.datetime().describe('ISO 8601, UTC')
const version = z.int().min(1).describe('Grows by one with every transition')
const status = z.enum(['searching', 'partially_filled', 'fully_filled', 'cancelled', 'expired'])
const tripStatus = z.enum(['assigned', 'started', 'completed', 'released', 'cancelled', 'abandoned'])
const outcome = z.enum(['applied', 'unchanged'])

/** A page. `nextCursor` leads to the next one, and is null at the end. */
export const pageOfSchema = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item).readonly(), nextCursor: z.string().nullable() })

const driverNamed = z.object({ id: clientId, name: z.string(), phone: z.string().optional() })
const vehicleNamed = z.object({ id: clientId, number: z.string(), vehicleType })

const placeOfTrip = place.describe(
  'After it was released, cancelled or abandoned, its transporter and driver see it rounded to 0.01° and without `address`',
)
const placeOfRequest = place.describe(
  'Rounded to 0.01° and without `address` for a driver, and for a transporter that can no longer accept, unless they have an assigned, started or completed trip of the request',
)

export const tripView = z
  .object({
    id: instanceId,
    broadcastId: instanceId,
    truckId: z.string(),
    status: tripStatus,
    pickup: placeOfTrip,
    drop: placeOfTrip,
    goods: z.string().optional(),
    driver: driverNamed,
    vehicle: vehicleNamed,
    driverId: clientId,
    vehicleId: clientId,
    transporterId: clientId,
    assignedAt: time,
    startedAt: time.optional(),
    completedAt: time.optional(),
    endedAt: time.optional().describe('When it was completed, released, cancelled or abandoned'),
  })
  .meta({ id: 'Trip', description: 'One truck on its way, as the caller may see it.' })

const truckView = z
  .object({
    id: z.string(),
    vehicleType,
    status: z.enum(['open', 'taken']),
    trip: tripView.optional().describe('The trip of a taken truck, if the caller may see it'),
  })
  .meta({ id: 'Truck' })

export const broadcastView = z
  .object({
    id: instanceId,
    status,
    version,
    kind: z.enum(['booking', 'order']).describe('A booking needs one vehicle type, an order several'),
    customerId: clientId,
    pickup: placeOfRequest,
    drop: placeOfRequest,
    goods: z.string().optional(),
    notes: z
      .string()
      .optional()
      .describe(
        'For a transporter or driver only while it has an assigned, started or completed trip of the request',
      ),
    pricePerTruck: z.number().optional().describe('In the customer’s own unit'),
    trucksNeeded: z.int(),
    trucksFilled: z.int(),
    trucks: z.array(truckView).readonly(),
    reach: z.object({
      step: z.union([z.int(), z.enum(['everyone', 'done'])]),
      radiusKm: z.number().nullable(),
      notified: z.int().describe('How many transporters have been offered it'),
    }),
    createdAt: time,
    updatedAt: time,
    expiresAt: time.describe('For countdowns'),
    endedAt: time.optional(),
    endReason: z.enum(['filled', 'cancelled', 'timeout', 'truck_released']).optional(),
    nextEvents: z.array(z.string()).readonly().describe('The events that this caller may send now'),
  })
  .meta({ id: 'Broadcast', description: 'A request for trucks, as the caller may see it.' })

export const createdBroadcastView = broadcastView
  .extend({
    timeoutSeconds: z.number(),
    matchingTransportersCount: z.int().describe('How many were offered it in the first step'),
  })
  .meta({ id: 'CreatedBroadcast', description: 'A request for trucks that was just created, or found.' })

const assignmentView = z
  .object({
    id: instanceId,
    tripId: instanceId,
    truckId: z.string(),
    driverId: clientId,
    vehicleId: clientId,
    trucksConfirmed: z.int(),
    isFullyFilled: z.boolean(),
  })
  .meta({ id: 'Assignment' })

export const broadcastEventAnswer = z
  .object({
    outcome,
    version,
    broadcast: broadcastView,
    assignment: assignmentView.optional().describe('The trip that an accept won'),
    tripsCancelled: z.array(instanceId).readonly().optional(),
    tripsKept: z.array(instanceId).readonly().optional().describe('Started before the cancel'),
  })
  .meta({ id: 'BroadcastEventAnswer' })

export const tripEventAnswer = z.object({ outcome, version, trip: tripView }).meta({ id: 'TripEventAnswer' })

const actor = z.object({
  id: z.string(),
  role: z.string(),
  reason: z.string().optional(),
  sendId: z.string().optional(),
  trace: z.string().optional().describe('The W3C `traceparent`, if traces are collected'),
})

export const historyItem = z
  .object({
    version,
    event: z.record(z.string(), z.unknown()).describe('As it was journaled: enough to replay it'),
    status: z.string(),
    at: time,
    actor,
  })
  .meta({ id: 'HistoryItem', description: 'One transition.' })

export const driverView = z
  .object({
    id: clientId,
    name: z.string(),
    phone: z.string().optional(),
    confirmed: z
      .boolean()
      .describe('The driver has agreed to be in this fleet. Until then nothing else is known of it'),
    isOnline: z.boolean(),
    isBusy: z.boolean(),
    lastSeenAt: time.optional(),
    location: z.object({ lat: z.number(), lng: z.number() }).optional(),
    vehicleId: clientId.optional().describe('The vehicle that it named last'),
  })
  .meta({ id: 'Driver' })

export const driverFleetView = z
  .object({
    transporterId: clientId.nullable().describe('The transporter whose fleet the driver has joined'),
    invitations: z
      .array(z.object({ transporterId: clientId, invitedAt: time }))
      .readonly()
      .describe('Invitations that the driver has not accepted, newest first'),
  })
  .meta({ id: 'DriverFleet', description: 'The fleet that a driver is in, and its invitations.' })

export const vehicleView = z
  .object({ id: clientId, vehicleType, number: z.string(), isBusy: z.boolean() })
  .meta({ id: 'Vehicle' })

export const answerView = z
  .object({
    id: instanceId,
    at: time,
    type: z.enum(['accept', 'decline']),
    outcome: z.enum(['applied', 'refused']),
    code: z.string().optional().describe('Why an accept was refused'),
    broadcastId: instanceId,
    driverId: clientId.optional(),
    vehicleId: clientId.optional(),
    tripId: instanceId.optional(),
    tripStatus: z.string().optional().describe('The present status of the trip'),
    reason: z.string().optional(),
  })
  .meta({ id: 'Answer', description: 'What a transporter answered to a request, and the result.' })

export const envelope = z
  .object({
    id: z.string().optional().describe('The same each time it is delivered; any of them is a resume point'),
    broadcastId: instanceId.optional(),
    tripId: instanceId.optional(),
    version: version.optional(),
    type: z.string(),
    at: time,
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Envelope', description: 'An event as it is sent on a socket.' })

export type TripView = z.infer<typeof tripView>
export type BroadcastView = z.infer<typeof broadcastView>
export type CreatedBroadcastView = z.infer<typeof createdBroadcastView>
export type BroadcastEventAnswer = z.infer<typeof broadcastEventAnswer>
export type TripEventAnswer = z.infer<typeof tripEventAnswer>
export type AssignmentView = z.infer<typeof assignmentView>
export type HistoryItem = z.infer<typeof historyItem>
export type DriverView = z.infer<typeof driverView>
export type DriverFleetView = z.infer<typeof driverFleetView>
export type VehicleView = z.infer<typeof vehicleView>
export type AnswerView = z.infer<typeof answerView>
