import { tripEvent } from '../../../dispatch/requests.js'
import { replyJson, route } from '../route.js'
import { byTrip } from './params.js'

export const tripRoutes = [
  route({
    method: 'get',
    path: '/api/v1/trips/:tripId',
    summary: 'One trip, as the caller may see it',
    roles: ['customer', 'transporter', 'driver', 'admin'],
    params: byTrip,
    async handle({ dispatch }, { caller, params }) {
      return replyJson(await dispatch.getTrip(caller, params.tripId))
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/trips/:tripId/events',
    summary: 'Starts, completes, releases or abandons a trip',
    roles: ['transporter', 'driver', 'admin'],
    params: byTrip,
    body: tripEvent,
    isConditional: true,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(await dispatch.sendToTrip(caller, params.tripId, body, options))
    },
  }),
]
