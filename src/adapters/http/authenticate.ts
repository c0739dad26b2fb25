import type { Dispatch } from '../../dispatch/api.js'
import type { Role } from '../../dispatch/person.js'
import type { RateLimits } from '../../dispatch/ports.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import type { TokenVerifier, VerifiedToken } from '../../dispatch/tokens.js'
import { tooMany } from './limits.js'

const bearerPattern = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i

/**
 * The verified token, or the problem. The token must be valid, its person active and within the rate limit, and the
 * role allowed on the route.
 */
export async function authenticate(
  authorization: string | undefined,
  roles: readonly Role[],
  { verifyToken, limits, dispatch }: { verifyToken: TokenVerifier; limits: RateLimits; dispatch: Dispatch },
): Promise<Result<VerifiedToken>> {
  if (authorization === undefined) return problem('UNAUTHENTICATED', { detail: 'Expected a bearer token' })
  const token = bearerPattern.exec(authorization)?.[1]
  if (token === undefined) {
    return problem('UNAUTHENTICATED', { detail: 'Expected Authorization: Bearer and a token' })
  }
  const verified = await verifyToken(token)
  if (!verified.ok) return verified
  const { caller } = verified.value
  const wait = limits.ofUser(caller)
  if (wait !== undefined) return { ok: false, problem: tooMany('user', wait) }
  const admitted = await dispatch.admit(verified.value)
  if (!admitted.ok) return admitted
  return roles.includes(caller.role) ? ok(verified.value) : problem('FORBIDDEN')
}
