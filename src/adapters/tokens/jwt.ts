/*
 * Access tokens: JSON Web Tokens (RFC 7519, RFC 8725), signed with HS256 and our secret, or with a key of the
 * configured issuer. The token's algorithm selects the keys to try, and each key serves one algorithm, so a public key
 * is never used as a secret. Every invalid token gets the same problem; its `detail` says what to fix.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Caller } from '../../dispatch/person.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import { clientId, role } from '../../dispatch/requests.js'
import type { TokenVerifier, VerifiedToken } from '../../dispatch/tokens.js'
import {
  type IssuerAlgorithm,
  type IssuerKey,
  type IssuerKeys,
  issuerAlgorithms,
  MAX_KID_LENGTH,
} from './issuer-keys.js'

const ALGORITHM = 'HS256'
/** A real token has some 200 characters. Longer ones would waste time and memory. */
export const MAX_TOKEN_LENGTH = 4096
/**
 * Verified tokens to keep. Apps send the same token with every call, and verifying takes WebCrypto 50 to 170 µs
 * (measured). At most 10,000 × 4 KB.
 */
const CACHED_TOKENS = 10_000

/** A day: the contract's default. */
export const ACCESS_TOKEN_MAX_MS = 86_400_000
/**
 * How far the issuer's clock may be ahead of ours. Synchronized clocks differ by milliseconds. Tokens from further
 * ahead would outlive the end of a session, so they are refused with the reason.
 */
const MAX_CLOCK_AHEAD_MS = 5_000

const payload = z.object({ sub: clientId, role, iat: z.number(), exp: z.number() })

export interface TokenKeys {
  readonly secret: string
  /** The secret before a rotation. Tokens signed with it are accepted; new ones are not signed with it. */
  readonly previous?: string | undefined
}

/** An external issuer: its keys, and the claims `iss` and `aud` that its tokens must have. */
export interface Issuer {
  readonly keys: IssuerKeys
  readonly issuer: string
  readonly audience: string
}

export interface VerifierOptions extends TokenKeys {
  /** The longest time from `iat` to `exp`. */
  readonly maxTtlMs?: number
  readonly issuer?: Issuer | undefined
}

interface Known extends VerifiedToken {
  /** Absent: signed with our own secret. */
  readonly issuerKey?: IssuerKey
}

/** Verifies tokens and caches the results. `now` is milliseconds since the epoch. Expiry has no tolerance. */
export function createTokenVerifier(options: VerifierOptions, now: () => number = Date.now): TokenVerifier {
  const { maxTtlMs = ACCESS_TOKEN_MAX_MS, issuer } = options
  const secrets = secretsOf(options.secret, options.previous)
  const verified = new LRUCache<string, Known>({ max: CACHED_TOKENS })

  return async token => {
    if (token.length > MAX_TOKEN_LENGTH) return refused('The token is too long')
    const known = verified.get(token)
    if (known !== undefined) {
      if (now() >= known.expiresAt) {
        verified.delete(token)
        return refused('The token has expired')
      }
      if (known.issuerKey === undefined || issuer?.keys.isCurrent(known.issuerKey)) return ok(known)
      verified.delete(token)
    }
    const signed = await verifySignature(token, secrets, issuer, now())
    if (!signed.ok) return signed
    const value = readClaims(signed.value.payload, now(), maxTtlMs)
    if (!value.ok) return value
    const { issuerKey } = signed.value
    const kept: Known = issuerKey === undefined ? value.value : { ...value.value, issuerKey }
    verified.set(token, kept)
    return ok(kept)
  }
}

export const secretsOf = (secret: string, previous: string | undefined): readonly KeyObject[] =>
  [secret, ...(previous === undefined ? [] : [previous])].map(keyOf)

type Signed = Result<{ readonly payload: JWTPayload; readonly issuerKey?: IssuerKey }>

const requiredClaims = ['sub', 'role', 'iat', 'exp']

async function verifySignature(
  token: string,
  secrets: readonly KeyObject[],
  issuer: Issuer | undefined,
  nowMs: number,
): Promise<Signed> {
  if (issuer !== undefined) {
    const { alg, kid } = headerOf(token)
    if (isIssuerAlgorithm(alg)) return verifyByIssuer(token, alg, kid, issuer, nowMs)
    if (alg !== undefined && alg !== ALGORITHM) {
      return refused(`Only ${[ALGORITHM, ...issuerAlgorithms].join(', ')} are accepted`)
    }
  }
  const verified = await verifyWithAny(token, secrets, nowMs, requiredClaims)
  return verified.ok ? ok({ payload: verified.value }) : verified
}

/** The token's header, before verification. Keys inside the header, or links to keys, are ignored. */
function headerOf(token: string): { readonly alg?: unknown; readonly kid?: unknown } {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return {}
  }
}

const isIssuerAlgorithm = (alg: unknown): alg is IssuerAlgorithm =>
  (issuerAlgorithms as readonly unknown[]).includes(alg)

async function verifyByIssuer(
  token: string,
  algorithm: IssuerAlgorithm,
  kid: unknown,
  { keys, issuer, audience }: Issuer,
  nowMs: number,
): Promise<Signed> {
  if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH) {
    return refused('The token needs a kid, the name of the key that signed it')
  }
  const issuerKey = await keys.find(kid, algorithm)
  if (issuerKey === 'unknown') return refused('The issuer has no key of this kid and algorithm')
  if (issuerKey === 'unavailable') {
    return problem('UNAVAILABLE', { detail: 'The issuer of the token is unavailable', retryAfterSeconds: 1 })
  }
  try {
    const { payload } = await jwtVerify(token, issuerKey.key, {
      algorithms: [algorithm],
      issuer,
      audience,
      requiredClaims,
      currentDate: new Date(nowMs),
      clockTolerance: 0,
    })
    return ok({ payload, issuerKey })
  } catch (error) {
    return refused(reasonOf(error))
  }
}

function readClaims(claims: JWTPayload, nowMs: number, maxTtlMs: number): Result<VerifiedToken> {
  const parsed = payload.safeParse(claims)
  if (!parsed.success) return refused('The token needs sub, iat, exp and a known role')
  const { sub, role, iat, exp } = parsed.data
  const life = refuseLife(iat, exp, nowMs, maxTtlMs)
  return life ?? ok({ caller: { id: sub, role }, issuedAt: Math.floor(iat), expiresAt: exp * 1000 })
}

/** Refuses a token with a too long lifetime, or one signed by a clock far ahead. `iat` and `exp` in seconds. */
export function refuseLife(
  iat: number,
  exp: number,
  nowMs: number,
  maxTtlMs: number,
): Result<never> | undefined {
  if (iat * 1000 > nowMs + MAX_CLOCK_AHEAD_MS) {
    return refused('The token was issued in the future: check the clock of its issuer')
  }
  if ((exp - iat) * 1000 > maxTtlMs) {
    return refused(`The token lives too long: exp may be at most ${maxTtlMs / 1000} seconds after iat`)
  }
  return undefined
}

/** Signs an access token. `ttlMs` is rounded down to seconds. */
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

/** The payload of a token that is signed with one of the keys, has not expired and has these claims. */
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
      // The next key is tried only if the signature does not match this one.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return refused(reasonOf(error))
    }
  }
  return refused('The signature does not match')
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The claim ${error.claim} is missing or refused`
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature does not match'
  if (error instanceof errors.JOSEAlgNotAllowed) return `Only ${ALGORITHM} is accepted`
  return 'Not a JSON Web Token'
}

export function refused(detail: string): Result<never> {
  return problem('UNAUTHENTICATED', { detail })
}

export function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, 'utf8'))
}
