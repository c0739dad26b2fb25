import { z } from 'zod'
import { syncQuery } from '../../../dispatch/requests.js'
import { broadcastView, envelope } from '../../../dispatch/views/views.js'
import { reply, route } from '../route.js'
import { okWith } from './answers.js'

const next = z.string().describe('Send it as `after` in the next request')

export const syncRoutes = [
  route({
    id: 'sync',
    method: 'get',
    path: '/api/v1/sync',
    summary: 'The events after `after`, or the present state if `after` is too old',
    commands: ['sync'],
    query: syncQuery,
    answers: okWith(
      'The missed events in the order to handle them, or the present state if too much was missed',
      z.union([
        z.object({
          events: z.array(envelope).readonly(),
          next,
          hasMore: z.boolean().describe('More events exist: request the next page at once'),
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
