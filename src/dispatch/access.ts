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
