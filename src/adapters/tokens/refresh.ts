/*
 * Refresh tokens: like access tokens, but signed with a key of their own, so that neither opens what the other is for,
 * and with an id (`jti`), by which it is known which were used. Whoever signs users in issues the first of a family.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Caller } from '../../dispatch/person.js'
import { ok, type Result } from '../../dispatch/problems.js'
import { clientId, role } from '../../dispatch/requests.js'
import type { RefreshTokens, VerifiedRefreshToken } from '../../dispatch/tokens.js'
import { MAX_TOKEN_LENGTH, refused, refuseLife, secretsOf, sign, signToken, verifyWithAny } from './jwt.js'

/** A socket ends with its token: an hour lets apps renew it well before, and bounds what a stolen one is good for. */
export const ACCESS_TTL_MS = 3_600_000
/** Who does not open the app for a month signs in again. */
export const REFRESH_TTL_MS = 30 * 24 * 3_600_000

const payload = z.object({
  sub: clientId,
  role,
  iat: z.number(),
  exp: z.number(),
  jti: clientId,
  /** Absent in a first token: it begins the family that is named after it. */
  family: clientId.optional(),
})

export function createRefreshTokens(
  {
    secret,
    refreshSecret,
    previousRefresh,
    accessTtlMs = ACCESS_TTL_MS,
  }: {
    readonly secret: string
    readonly refreshSecret: string
    readonly previousRefresh?: string | undefined
    readonly accessTtlMs?: number
  },
  now: () => number = Date.now,
): RefreshTokens {
  // While keys are rotated, what was signed with the one before is still good.
  const keys = secretsOf(refreshSecret, previousRefresh)
  return {
    async verify(token): Promise<Result<VerifiedRefreshToken>> {
      if (token.length > MAX_TOKEN_LENGTH) return refused('The token is too long')
      const verified = await verifyWithAny(token, keys, now(), ['sub', 'role', 'iat', 'exp', 'jti'])
      if (!verified.ok) return verified
      const claims = payload.safeParse(verified.value)
      if (!claims.success) return refused('The token needs sub, iat, exp, jti and a known role')
      const { sub, role, iat, exp, jti, family = jti } = claims.data
      const life = refuseLife(iat, exp, now(), REFRESH_TTL_MS)
      if (life !== undefined) return life
      return ok({
        caller: { id: sub, role },
        id: jti,
        family,
        issuedAt: Math.floor(iat),
        expiresAt: exp * 1000,
      })
    },
    refreshTtlMs: REFRESH_TTL_MS,
    async issue(caller, { family, id, issuedAt }) {
      const nowMs = issuedAt * 1000
      const [accessToken, refreshToken] = await Promise.all([
        signToken(caller, secret, accessTtlMs, nowMs),
        signRefreshToken(caller, refreshSecret, { id, family, nowMs }),
      ])
      return { accessToken, expiresInSeconds: Math.floor(accessTtlMs / 1000), refreshToken }
    },
  }
}

/** Without `family` the token begins one. */
export function signRefreshToken(
  caller: Caller,
  secret: string,
  options: { ttlMs?: number; id?: string; family?: string; nowMs?: number } = {},
): Promise<string> {
  const { ttlMs = REFRESH_TTL_MS, id = randomUUID(), family, nowMs = Date.now() } = options
  const claims = { role: caller.role, jti: id, ...(family === undefined ? {} : { family }) }
  return sign(claims, caller.id, secret, ttlMs, nowMs)
}
