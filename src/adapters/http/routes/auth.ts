import { z } from 'zod'
import { type PublicRoute, reply, route } from '../route.js'

/** Longer ones are refused by whoever verifies them; these are not even kept. */
const MAX_TOKEN_LENGTH = 4_096

const refreshBody = z
  .strictObject({ refreshToken: z.string().min(1).max(MAX_TOKEN_LENGTH) })
  .meta({ id: 'RefreshRequest' })

const refreshed = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string().describe('Takes the place of the one that was sent, which is good no more'),
    expiresInSeconds: z.int().describe('Of the access token'),
  })
  .meta({ id: 'Refreshed' })

export const authRoutes: readonly PublicRoute[] = [
  {
    id: 'refreshToken',
    method: 'post',
    path: '/api/v1/auth/refresh',
    summary: 'A new access token for a refresh token, which is good once',
    body: refreshBody,
    answers: { 200: { description: 'Both new', body: refreshed } },
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
    summary: 'Signs the caller out everywhere: no token issued until now is good any more',
    commands: ['logout'],
    answers: { 204: { description: 'All sessions have ended, this one too' } },
    async handle({ dispatch }, { caller, issuedAt }) {
      return reply(await dispatch.logout(caller, issuedAt), () => ({ status: 204 }))
    },
  }),
]
