import { z } from 'zod'
import { type PublicRoute, reply, route } from '../route.js'

/** Longer tokens are refused at verification anyway; here they are refused before any work is done for them. */
const MAX_TOKEN_LENGTH = 4_096

const refreshBody = z
  .strictObject({ refreshToken: z.string().min(1).max(MAX_TOKEN_LENGTH) })
  .meta({ id: 'RefreshRequest' })

const refreshed = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string().describe('Replaces the refresh token of this request, which is no longer valid'),
    expiresInSeconds: z.int().describe('Lifetime of the access token'),
  })
  .meta({ id: 'Refreshed' })

export const authRoutes: readonly PublicRoute[] = [
  {
    id: 'refreshToken',
    method: 'post',
    path: '/api/v1/auth/refresh',
    summary: 'Exchanges a refresh token, which is valid once, for new tokens',
    body: refreshBody,
    answers: { 200: { description: 'A new access token and a new refresh token', body: refreshed } },
    problems: ['UNAUTHENTICATED', 'USER_INACTIVE', 'UNAVAILABLE'],
    async run({ refresh }, _params, body) {
      const { refreshToken } = body as z.infer<typeof refreshBody>
      const result = await refresh(refreshToken)
      return result.ok ? { status: 200, body: result.value } : { problem: result.problem }
    },
  },
]

export const sessionRoutes = [
  route({
    id: 'logout',
    method: 'post',
    path: '/api/v1/auth/logout',
    summary: 'Signs the caller out everywhere: no token issued until now is valid any more',
    commands: ['logout'],
    answers: { 204: { description: 'All sessions have ended, including this one' } },
    async handle({ dispatch }, { caller, issuedAt }) {
      return reply(await dispatch.logout(caller, issuedAt), () => ({ status: 204 }))
    },
  }),
]
