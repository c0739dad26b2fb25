import type { IdempotencyKey } from '../runtime/types.js'
import type { Caller, Role } from './api.js'
import { type Problem, problem } from './problems.js'

/** A role that may never call a route gets 403; what a caller may not read is 404, decided elsewhere. */
export function refuseRole(
  caller: Caller,
  ...allowed: readonly Role[]
): { ok: false; problem: Problem } | undefined {
  return allowed.includes(caller.role) ? undefined : problem('FORBIDDEN')
}

export const actorOf = ({ id, role }: Caller) => ({ id, role })

/** The engine's options for an idempotency key, if there is one. */
export const keyed = (key: IdempotencyKey | undefined) => (key === undefined ? {} : { key })
