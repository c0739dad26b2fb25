/* The problems that a command to a request may cause. */
import type { ProblemCode } from '../../../dispatch/problems.js'
import { acceptRefusals, acceptRefusalsOfMachine } from '../../../dispatch/refusals.js'

export const problemsOf = {
  accept: [...acceptRefusals, 'EVENT_NOT_ALLOWED'],
  anyCommand: [...acceptRefusalsOfMachine, 'TOO_LATE_TO_CANCEL', 'EVENT_NOT_ALLOWED'],
  cancel: ['TOO_LATE_TO_CANCEL', 'BROADCAST_EXPIRED'],
  decline: ['NO_LONGER_AVAILABLE', 'BROADCAST_CANCELLED', 'BROADCAST_EXPIRED', 'EVENT_NOT_ALLOWED'],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>
