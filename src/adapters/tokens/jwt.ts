/*
 * Access tokens: JSON Web Tokens signed with HS256 and nothing else (RFC 7519, RFC 8725).
 * Whatever is wrong with one, the answer is the same problem; `detail` says what to mend.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Caller } from '../../dispatch/api.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import { clientId, role } from '../../dispatch/requests.js'
import type { TokenVerifier, VerifiedToken } from '../../dispatch/tokens.js'

const ALGORITHM = 'HS256'
/** A real token has some 200 characters. Longer ones are not worth hashing, nor keeping. */
export const MAX_TOKEN_LENGTH = 4096
/**
 * Verified tokens kept: an app sends the same one with every call, and WebCrypto takes 50 to 170 µs
 * for each (measured). At most 10,000 × 4 KB.
 */
const CACHED_TOKENS = 10_000

const payload = z.object({ sub: clientId, role, exp: z.number() })

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
    const result = await verifyWithAny(token, accepted, now(), ['sub', 'role', 'exp'])
    if (!result.ok) return result
    const claims = payload.safeParse(result.value)
    if (!claims.success) return refused('The token needs sub, exp and a known role')
    const { sub, role, exp } = claims.data
    const value = { caller: { id: sub, role }, expiresAt: exp * 1000 }
    verified.set(token, value)
    return ok(value)
  }
}

/** Signs an access token that lives for `ttlMs` (whole seconds count). */
export function signToken(
  caller: Caller,
  secret: string,
  ttlMs: number,
  nowMs: number = Date.now(),
): Promise<string> {
  return sign({ role: caller.role }, caller.id, secret, ttlMs, nowMs)
}

export async function sign(
  claims: JWTPayload,
  subject: string,
  secret: string,
  ttlMs: number,
  nowMs: number,
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000)
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(ttlMs / 1000))
    .sign(keyOf(secret))
}

/** The payload of a token that one of these keys signed, that has not expired and has these claims. */
export async function verifyWithAny(
  token: string,
  keys: readonly KeyObject[],
  nowMs: number,
  requiredClaims: string[],
): Promise<Result<JWTPayload>> {
  for (const key of keys) {
    try {
      const verified = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        requiredClaims,
        currentDate: new Date(nowMs),
        clockTolerance: 0,
      })
      return ok(verified.payload)
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

export function refused(detail: string): Result<never> {
  return problem('UNAUTHENTICATED', { detail })
}

export function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, 'utf8'))
}
