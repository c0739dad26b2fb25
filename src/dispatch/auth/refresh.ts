/*
 * Refresh tokens. Each is good once: it is changed for an access token and the next refresh token of its family. Shown
 * twice, one of the two who have it stole it, and nobody can say which: the family ends, and its user signs in anew.
 */

import type { Caller } from '../api.js'
import type { RefreshFamilies } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import type { RefreshTokens } from '../tokens.js'

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
    const { caller, family, id, expiresAt } = verified.value
    // Before the token is used up: who is turned on again goes on with it.
    if (!(await parts.isActive(caller))) return problem('USER_INACTIVE')
    const next = await tokens.issue(caller, family)
    const isFirst = await families.rotate({
      person: caller,
      family,
      shown: id,
      next: next.refreshId,
      rememberUntil: Math.max(expiresAt, next.refreshExpiresAt),
    })
    if (!isFirst) {
      return problem('UNAUTHENTICATED', { detail: 'The refresh token was used before: sign in anew' })
    }
    const { accessToken, expiresInSeconds } = next
    return ok({ accessToken, refreshToken: next.refreshToken, expiresInSeconds })
  }
}
