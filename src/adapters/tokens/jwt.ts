/*
 * Access tokens: JSON Web Tokens signed with HS256 and nothing else (RFC 7519, RFC 8725).
 * Whatever is wrong with one, the answer is the same problem; `detail` says what to mend.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Caller } from '../../dispatch/api.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import { clientId } from '../../dispatch/requests.js'
import type { TokenVerifier, VerifiedToken } from '../../dispatch/tokens.js'

const ALGORITHM = 'HS256'
/** A real token has some 200 characters. Longer ones are not worth hashing, nor keeping. */
const MAX_TOKEN_LENGTH = 4096
/**
 * Verified tokens kept: an app sends the same one with every call, and WebCrypto takes 50 to 170 µs
 * for each (measured). At most 10,000 × 4 KB.
 */
const CACHED_TOKENS = 10_000

const payload = z.object({
  sub: clientId,
  role: z.enum(['customer', 'transporter', 'driver', 'admin']),
  exp: z.number(),
})

export interface TokenKeys {
  readonly secret: string
  /** Accepted, never signed with. */
  readonly previous?: string | undefined
}

/** `now` is milliseconds since the epoch. There is no tolerance: an expired token is expired. */
export function createTokenVerifier(keys: TokenKeys, now: () => number = Date.now): TokenVerifier {
  const accepted = [keys.secret, ...(keys.previous === undefined ? [] : [keys.previous])].map(keyOf)
  const verified = new LRUCache<string, VerifiedToken>({ max: CACHED_TOKENS })

  return async token => {
    if (token.length > MAX_TOKEN_LENGTH) return refused('The token is too long')
    const known = verified.get(token)
    if (known !== undefined) {
      if (now() < known.expiresAt) return ok(known)
      verified.delete(token)
      return refused('The token has expired')
    }
    const result = await verifyWithAny(token, accepted, now())
    if (result.ok) verified.set(token, result.value)
    return result
  }
}

/** Signs an access token that lives for `ttlMs` (whole seconds count). */
export async function signToken(
  caller: Caller,
  secret: string,
  ttlMs: number,
  nowMs: number = Date.now(),
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000)
  return await new SignJWT({ role: caller.role })
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .setSubject(caller.id)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(ttlMs / 1000))
    .sign(keyOf(secret))
}

async function verifyWithAny(
  token: string,
  keys: readonly KeyObject[],
  nowMs: number,
): Promise<Result<VerifiedToken>> {
  for (const key of keys) {
    try {
      const verified = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        requiredClaims: ['sub', 'role', 'exp'],
        currentDate: new Date(nowMs),
        clockTolerance: 0,
      })
      const claims = payload.safeParse(verified.payload)
      if (!claims.success) return refused('The token needs sub, exp and a known role')
      const { sub, role, exp } = claims.data
      return ok({ caller: { id: sub, role }, expiresAt: exp * 1000 })
    } catch (error) {
      // The next key is worth a try only for a signature that this one does not fit.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return refused(reasonOf(error))
    }
  }
  return refused('The signature does not fit')
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The claim ${error.claim} is missing or refused`
  if (error instanceof errors.JOSEAlgNotAllowed) return `Only ${ALGORITHM} is accepted`
  return 'Not a JSON Web Token'
}

function refused(detail: string): Result<VerifiedToken> {
  return problem('UNAUTHENTICATED', { detail })
}

function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, 'utf8'))
}
