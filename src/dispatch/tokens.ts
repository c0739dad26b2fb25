/* What a token says. HTTP and sockets use the same verifier, which `main` gives to both. */
import type { Caller } from './person.js'
import type { Result } from './problems.js'

export interface VerifiedToken {
  readonly caller: Caller
  /** `iat`: whole seconds since the epoch. Ending sessions ends all tokens issued up to a certain second. */
  readonly issuedAt: number
  /** Milliseconds since the epoch. From then on the token is invalid. */
  readonly expiresAt: number
}

/**
 * Returns `UNAUTHENTICATED` for text that is not a valid token now, and `UNAVAILABLE` if a token issuer cannot be
 * reached. Never throws. It does not know of ended sessions: `Dispatch.admit` does.
 */
export type TokenVerifier = (token: string) => Promise<Result<VerifiedToken>>

export interface VerifiedRefreshToken extends VerifiedToken {
  /** `jti`. */
  readonly id: string
  /** All refresh tokens since one sign-in share a family. */
  readonly family: string
}

export interface IssuedTokens {
  readonly accessToken: string
  readonly expiresInSeconds: number
  readonly refreshToken: string
}

export interface RefreshTokens {
  /** How long the issued refresh tokens are valid. */
  readonly refreshTtlMs: number
  /** Returns `UNAUTHENTICATED` for text that is not a valid refresh token. Never throws, and needs no network. */
  verify(token: string): Promise<Result<VerifiedRefreshToken>>
  /**
   * Returns an access token and the next refresh token. `id` is the refresh token's `jti`; `issuedAt` is in seconds.
   */
  issue(
    caller: Caller,
    token: { readonly family: string; readonly id: string; readonly issuedAt: number },
  ): Promise<IssuedTokens>
}
