/*
 * Refresh tokens: like access tokens, but signed with another key, so that neither kind is accepted as the other. Their
 * id (`jti`) shows which were used. The service that signs users in issues the first token of a family.
 */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Caller } from '../../dispatch/person.js'
import { ok, type Result } from '../../dispatch/problems.js'
import { clientId, role } from '../../dispatch/requests.js'
import type { RefreshTokens, VerifiedRefreshToken } from '../../dispatch/tokens.js'
import { MAX_TOKEN_LENGTH, refused, refuseLife, secretsOf, sign, signToken, verifyWithAny } from './jwt.js'

/** A socket ends with its token. An hour lets apps renew it in time, and limits the use of a stolen token. */
export const ACCESS_TTL_MS = 3_600_000
/** A user who does not open the app for a month must sign in again. */
export const REFRESH_TTL_MS = 30 * 24 * 3_600_000

const payload = z.object({
  sub: clientId,
  role,
  iat: z.number(),
  exp: z.number(),
  jti: clientId,
  /** Absent in a first token, which starts the family named after its id. */
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
  // During a rotation tokens signed with the previous key are still valid.
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

/** Signs a refresh token. Without `family` it starts a new one. */
export function signRefreshToken(
  caller: Caller,
  secret: string,
  options: { ttlMs?: number; id?: string; family?: string; nowMs?: number } = {},
): Promise<string> {
  const { ttlMs = REFRESH_TTL_MS, id = randomUUID(), family, nowMs = Date.now() } = options
  const claims = { role: caller.role, jti: id, ...(family === undefined ? {} : { family }) }
  return sign(claims, caller.id, secret, ttlMs, nowMs)
}
