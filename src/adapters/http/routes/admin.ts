import { putUser } from '../../../dispatch/requests.js'
import { replyJson, route } from '../route.js'
import { byUser } from './params.js'

const roles = ['admin'] as const

export const adminRoutes = [
  route({
    method: 'put',
    path: '/api/v1/admin/users/:userId',
    summary: 'Turns a user off, or on again',
    roles,
    params: byUser,
    namesNewId: true,
    body: putUser,
    async handle({ dispatch }, { caller, params, body }) {
      return replyJson(await dispatch.setUserActive(caller, params.userId, body.active))
    },
  }),
]
