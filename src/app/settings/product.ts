/* Settings of the product: how a request lives, who counts as present, what is kept for how long. */
import { z } from 'zod'
import { api, type SettingGroup, server } from './setting.js'
import { decimalPattern, hours, seconds, wholeNumber } from './values.js'

/** The broadcast machine draws four rings; more radii would have no state to stand for. */
const MAX_REACH_STEPS = 4
/** Half of the equator: no radius beyond it means anything. */
const MAX_RADIUS_KM = 20_037
/** A fleet is counted whenever it grows, in some milliseconds up to this size. */
const MAX_FLEET_SIZE = 100_000

const radii = z
  .string()
  .transform(text => text.split(',').map(part => part.trim()))
  .refine(
    parts => parts.length <= MAX_REACH_STEPS && parts.every(part => decimalPattern.test(part)),
    `Expected 1 to ${MAX_REACH_STEPS} numbers of kilometres, separated by commas`,
  )
  .transform(parts => parts.map(Number))
  .refine(
    steps => steps.every((km, i) => km > (steps[i - 1] ?? 0) && km <= MAX_RADIUS_KM),
    `Expected positive, ascending radii of at most ${MAX_RADIUS_KM} km`,
  )
  .default([10, 25, 50, 75])
  .describe(
    `1 to ${MAX_REACH_STEPS} ascending numbers of kilometres up to ${MAX_RADIUS_KM}, separated by commas`,
  )

export const requestSettings = {
  BROADCAST_TIMEOUT_SECONDS: {
    schema: seconds(120),
    meaning:
      'How long a new request seeks trucks before it expires. Requests keep the value they began with.',
    example: '300',
    readBy: api,
  },
  REACH_STEPS_KM: {
    schema: radii,
    meaning:
      'The distances to the pickup within which transporters are offered a request, step by step. After the last one it is offered to all.',
    example: '10,25,50,75',
    readBy: api,
  },
  REACH_STEP_SECONDS: {
    schema: seconds(15),
    meaning: 'How long a request waits for an accept before its next step.',
    example: '30',
    readBy: api,
  },
  CANCEL_WINDOW_SECONDS: {
    schema: seconds(300, { min: 0 }),
    meaning: 'How long a customer may cancel a request after it is full, while no trip has started.',
    example: '600',
    readBy: api,
  },
} as const satisfies SettingGroup

export const presenceSettings = {
  TRANSPORTER_TTL_SECONDS: {
    schema: seconds(120),
    meaning: 'How long a transporter is available after its last heartbeat.',
    example: '120',
    readBy: server,
  },
  DRIVER_TTL_SECONDS: {
    schema: seconds(60),
    meaning: 'How long a driver is online after its last heartbeat.',
    example: '60',
    readBy: server,
  },
} as const satisfies SettingGroup

export const retentionSettings = {
  EVENT_RETENTION_HOURS: {
    schema: hours(24),
    meaning:
      'How long events are kept for clients that reconnect. A client that was away for longer starts anew.',
    example: '48',
    readBy: server,
  },
  HISTORY_RETENTION_DAYS: {
    // A value that this release would not honour is refused, never ignored.
    schema: z
      .string()
      .regex(/^0$/, 'This version has no sweeping of old journals yet: leave it unset')
      .describe('0 or nothing')
      .optional(),
    meaning: 'Reserved. Journals are kept for ever.',
    example: '0',
    unset: 'journals are kept',
    readBy: server,
  },
} as const satisfies SettingGroup

export const fleetSettings = {
  MAX_FLEET: {
    schema: wholeNumber(1_000, 1, MAX_FLEET_SIZE),
    meaning: 'The most drivers of one fleet, with those invited, and the most vehicles.',
    example: '2000',
    readBy: api,
  },
} as const satisfies SettingGroup
