import { tripEvent } from '../../../dispatch/requests.js'
import { tripEventAnswer, tripView } from '../../../dispatch/views/views.js'
import { replyJson, route } from '../route.js'
import { okWith } from './answers.js'
import { byTrip } from './params.js'

export const tripRoutes = [
  route({
    id: 'getTrip',
    method: 'get',
    path: '/api/v1/trips/:tripId',
    summary: 'One trip, as the caller may see it',
    commands: ['getTrip'],
    params: byTrip,
    answers: okWith('The trip', tripView),
    async handle({ dispatch }, { caller, params }) {
      return replyJson(await dispatch.getTrip(caller, params.tripId))
    },
  }),
  route({
    id: 'sendToTrip',
    method: 'post',
    path: '/api/v1/trips/:tripId/events',
    summary: 'Starts, completes, releases or abandons a trip',
    commands: ['trip.start', 'trip.complete', 'trip.release', 'trip.abandon'],
    params: byTrip,
    body: tripEvent,
    isConditional: true,
    answers: okWith('Applied, or nothing was left to do', tripEventAnswer),
    problems: ['EVENT_NOT_ALLOWED', 'BROADCAST_CANCELLED'],
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(await dispatch.sendToTrip(caller, params.tripId, body, options))
    },
  }),
]
