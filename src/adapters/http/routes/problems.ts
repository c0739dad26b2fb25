/* Problems that sending a command to a request may meet. */
import type { ProblemCode } from '../../../dispatch/problems.js'

const byTheMachine = [
  'NO_LONGER_AVAILABLE',
  'BROADCAST_CANCELLED',
  'BROADCAST_EXPIRED',
  'VEHICLE_TYPE_MISMATCH',
  'DRIVER_BUSY',
  'VEHICLE_BUSY',
] as const

export const problemsOf = {
  accept: [...byTheMachine, 'DRIVER_NOT_IN_FLEET', 'VEHICLE_NOT_IN_FLEET'],
  anyCommand: [...byTheMachine, 'TOO_LATE_TO_CANCEL', 'EVENT_NOT_ALLOWED'],
  cancel: ['TOO_LATE_TO_CANCEL', 'BROADCAST_EXPIRED'],
  decline: ['NO_LONGER_AVAILABLE', 'BROADCAST_CANCELLED', 'BROADCAST_EXPIRED', 'EVENT_NOT_ALLOWED'],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>
