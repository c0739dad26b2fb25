/* What the engine refuses, in the words of the public contract. */
import type { BroadcastRefusalReason } from '../machines/index.js'
import type { Refusal } from '../runtime/definition.js'
import { expectedProblem } from './border.js'
import { type Problem, type ProblemCode, problem, type Result } from './problems.js'

/** The machine's reasons are the contract's codes already; the compiler keeps the table complete. */
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

/** Throws on a reason that no definition here gives: that is a bug. */
export function problemOfRefusal(
  { reason, ...told }: Refusal,
  more: Readonly<Record<string, unknown>> = {},
): { ok: false; problem: Problem } {
  const members = { ...told, ...more }
  const code = codes[reason as keyof typeof codes]
  if (code === undefined) throw new Error(`No problem is known for the refusal ${reason}`)
  return problem(code, Object.keys(members).length === 0 ? {} : { members })
}

/** What the machine and the claims may say to an accept. */
export const acceptRefusalsOfMachine = [
  'NO_LONGER_AVAILABLE',
  'BROADCAST_CANCELLED',
  'BROADCAST_EXPIRED',
  'VEHICLE_TYPE_MISMATCH',
  'DRIVER_BUSY',
  'VEHICLE_BUSY',
] as const satisfies readonly ProblemCode[]

/** What decides about an accept, not about how it was sent: the machine's word, and the fleet's. */
export const acceptRefusals = [
  ...acceptRefusalsOfMachine,
  'DRIVER_NOT_IN_FLEET',
  'VEHICLE_NOT_IN_FLEET',
  'DRIVER_NOT_CONFIRMED',
  'DRIVER_INACTIVE',
] as const satisfies readonly ProblemCode[]

/** `version`: the one it has now. */
export const staleVersion = (version: number) => problem('STALE_VERSION', { members: { version } })

/** Turns what the engine and the stores throw about expected failures into problems; rethrows the rest. */
export async function expectingFailures<T>(work: Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work
  } catch (error) {
    const expected = expectedProblem(error)
    if (expected === undefined) throw error
    return { ok: false, problem: expected }
  }
}
