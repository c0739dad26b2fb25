/* What a token says. HTTP and sockets ask the same verifier; `main` gives it to both. */
import type { Caller } from './person.js'
import type { Result } from './problems.js'

export interface VerifiedToken {
  readonly caller: Caller
  /** Seconds since the epoch, whole: `iat`. An end of sessions is for all tokens up to a second. */
  readonly issuedAt: number
  /** Milliseconds since the epoch. From then on the token opens nothing. */
  readonly expiresAt: number
}

/**
 * Answers `UNAUTHENTICATED` for whatever is not a valid token of today, `UNAVAILABLE` where that cannot be said because an
 * issuer of tokens is away. Never throws. That a session was ended it does not know: `Dispatch.admit` does.
 */
export type TokenVerifier = (token: string) => Promise<Result<VerifiedToken>>

export interface VerifiedRefreshToken extends VerifiedToken {
  /** Its `jti`. */
  readonly id: string
  /** Tokens that came of one another, from one sign-in on. */
  readonly family: string
}

export interface IssuedTokens {
  readonly accessToken: string
  readonly expiresInSeconds: number
  readonly refreshToken: string
}

export interface RefreshTokens {
  /** How long those are good that are issued. */
  readonly refreshTtlMs: number
  /** Answers `UNAUTHENTICATED` for whatever is not a valid refresh token. Never throws, never asks anyone. */
  verify(token: string): Promise<Result<VerifiedRefreshToken>>
  /** An access token, and the refresh token that gets the next one. `id` is its `jti`; `issuedAt` is in seconds. */
  issue(
    caller: Caller,
    token: { readonly family: string; readonly id: string; readonly issuedAt: number },
  ): Promise<IssuedTokens>
}
