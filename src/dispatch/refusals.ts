/* Turns refusals of the engine into problems of the public contract. */
import type { BroadcastRefusalReason } from '../machines/index.js'
import type { Refusal } from '../runtime/definition.js'
import { expectedProblem } from './border.js'
import { type Problem, type ProblemCode, problem, type Result } from './problems.js'

/** The machine's reasons are the contract's codes. The compiler keeps the table complete. */
const codes: Readonly<Record<BroadcastRefusalReason | 'STALE_VERSION', ProblemCode>> = {
  NO_LONGER_AVAILABLE: 'NO_LONGER_AVAILABLE',
  BROADCAST_CANCELLED: 'BROADCAST_CANCELLED',
  BROADCAST_EXPIRED: 'BROADCAST_EXPIRED',
  VEHICLE_TYPE_MISMATCH: 'VEHICLE_TYPE_MISMATCH',
  DRIVER_BUSY: 'DRIVER_BUSY',
  VEHICLE_BUSY: 'VEHICLE_BUSY',
  TOO_LATE_TO_CANCEL: 'TOO_LATE_TO_CANCEL',
  EVENT_NOT_ALLOWED: 'EVENT_NOT_ALLOWED',
  ACTIVE_BROADCAST_EXISTS: 'ACTIVE_BROADCAST_EXISTS',
  NOT_RETRYABLE: 'NOT_RETRYABLE',
  NOT_FOUND: 'NOT_FOUND',
  STALE_VERSION: 'STALE_VERSION',
}

/** Throws for a reason that no definition here gives, which is a bug. */
export function problemOfRefusal(
  { reason, ...told }: Refusal,
  more: Readonly<Record<string, unknown>> = {},
): { ok: false; problem: Problem } {
  const members = { ...told, ...more }
  const code = codes[reason as keyof typeof codes]
  if (code === undefined) throw new Error(`No problem is known for the refusal ${reason}`)
  return problem(code, Object.keys(members).length === 0 ? {} : { members })
}

/** The refusals of an accept by the machine and the claims. */
export const acceptRefusalsOfMachine = [
  'NO_LONGER_AVAILABLE',
  'BROADCAST_CANCELLED',
  'BROADCAST_EXPIRED',
  'VEHICLE_TYPE_MISMATCH',
  'DRIVER_BUSY',
  'VEHICLE_BUSY',
] as const satisfies readonly ProblemCode[]

/** The refusals of an accept by the machine or the fleet, as opposed to those of how it was sent. */
export const acceptRefusals = [
  ...acceptRefusalsOfMachine,
  'DRIVER_NOT_IN_FLEET',
  'VEHICLE_NOT_IN_FLEET',
  'DRIVER_NOT_CONFIRMED',
  'DRIVER_INACTIVE',
] as const satisfies readonly ProblemCode[]

/** `version`: the present version. */
export const staleVersion = (version: number) => problem('STALE_VERSION', { members: { version } })

/** Turns the expected errors of the engine and the stores into problems. Throws all others again. */
export async function expectingFailures<T>(work: Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work
  } catch (error) {
    const expected = expectedProblem(error)
    if (expected === undefined) throw error
    return { ok: false, problem: expected }
  }
}
