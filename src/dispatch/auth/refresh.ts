/*
 * Refresh tokens. Each can be used once: it is exchanged for an access token and the next refresh token of its family.
 * If a token is used twice, one of its two holders stole it, and the server cannot tell which. So the family ends, and
 * the user has to sign in again.
 */

import { v4 as uuidv4 } from 'uuid'
import type { Caller } from '../person.js'
import type { RefreshFamilies } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import type { RefreshTokens } from '../tokens.js'
import { sessionEnded } from './session-ended.js'

export interface Refreshed {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresInSeconds: number
}

export type Refresh = (refreshToken: string) => Promise<Result<Refreshed>>

export function createRefresh(parts: {
  readonly tokens: RefreshTokens
  readonly families: RefreshFamilies
  isActive(caller: Caller): Promise<boolean>
}): Refresh {
  const { tokens, families } = parts
  return async refreshToken => {
    const verified = await tokens.verify(refreshToken)
    if (!verified.ok) return verified
    const { caller, family, id, issuedAt, expiresAt } = verified.value
    if (!(await parts.isActive(caller))) return problem('USER_INACTIVE')
    const nextId = uuidv4()
    const rotated = await families.rotate({
      person: caller,
      family,
      shown: { id, issuedAt, expiresAt },
      next: { id: nextId, ttlMs: tokens.refreshTtlMs },
    })
    if (rotated.kind === 'inactive') return problem('USER_INACTIVE')
    if (rotated.kind === 'ended') return sessionEnded()
    if (rotated.kind === 'used') {
      return problem('UNAUTHENTICATED', { detail: 'The refresh token was used before: sign in again' })
    }
    // The tokens are signed after the family has moved on, with the time of that move. If all sessions are ended
    // meanwhile, these tokens end too. The token that was shown may have been signed by a clock that is a little ahead.
    const next = await tokens.issue(caller, { family, id: nextId, issuedAt: Math.max(issuedAt, rotated.at) })
    const { accessToken, expiresInSeconds } = next
    return ok({ accessToken, refreshToken: next.refreshToken, expiresInSeconds })
  }
}
