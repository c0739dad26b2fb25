import { z } from 'zod'
import { syncQuery } from '../../../dispatch/requests.js'
import { broadcastView, envelope } from '../../../dispatch/views/views.js'
import { reply, route } from '../route.js'
import { okWith } from './answers.js'

const next = z.string().describe('From where to go on')

export const syncRoutes = [
  route({
    id: 'sync',
    method: 'get',
    path: '/api/v1/sync',
    summary: 'The events missed since `after`, or all that stands now when that is too long ago',
    commands: ['sync'],
    query: syncQuery,
    answers: okWith(
      'What was missed, in the order to handle it; or, after too long, what stands now instead',
      z.union([
        z.object({
          events: z.array(envelope).readonly(),
          next,
          hasMore: z.boolean().describe('There is more: go on at once'),
        }),
        z.object({ resync: z.literal(true), broadcasts: z.array(broadcastView).readonly(), next }),
      ]),
    ),
    async handle({ dispatch }, { caller, query }) {
      return reply(await dispatch.sync(caller, query), ({ resync, ...synced }) => ({
        status: 200,
        body: resync ? { resync, ...synced } : synced,
      }))
    },
  }),
]
