/* What a token says. HTTP and sockets ask the same verifier; `main` gives it to both. */
import type { Caller } from './api.js'
import type { Result } from './problems.js'

export interface VerifiedToken {
  readonly caller: Caller
  /** Milliseconds since the epoch. From then on the token opens nothing. */
  readonly expiresAt: number
}

/** Answers `UNAUTHENTICATED` for whatever is not a valid token of today. Never throws, never asks anyone. */
export type TokenVerifier = (token: string) => Promise<Result<VerifiedToken>>
