/* Problems that sending a command to a request may meet. */
import type { ProblemCode } from '../../../dispatch/problems.js'

export const problemsOf = {
  accept: [
    'NO_LONGER_AVAILABLE',
    'BROADCAST_CANCELLED',
    'BROADCAST_EXPIRED',
    'DRIVER_NOT_IN_FLEET',
    'VEHICLE_NOT_IN_FLEET',
    'VEHICLE_TYPE_MISMATCH',
    'DRIVER_BUSY',
    'VEHICLE_BUSY',
  ],
  cancel: ['TOO_LATE_TO_CANCEL', 'BROADCAST_EXPIRED'],
  decline: ['NO_LONGER_AVAILABLE', 'BROADCAST_CANCELLED', 'BROADCAST_EXPIRED', 'EVENT_NOT_ALLOWED'],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>
