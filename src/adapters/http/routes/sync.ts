import { syncQuery } from '../../../dispatch/requests.js'
import { reply, route } from '../route.js'

export const syncRoutes = [
  route({
    method: 'get',
    path: '/api/v1/sync',
    summary: 'The events missed since `after`, or all that stands now when that is too long ago',
    roles: ['customer', 'transporter', 'driver', 'admin'],
    query: syncQuery,
    async handle({ dispatch }, { caller, query }) {
      return reply(await dispatch.sync(caller, query), ({ resync, ...synced }) => ({
        status: 200,
        body: resync ? { resync, ...synced } : synced,
      }))
    },
  }),
]
