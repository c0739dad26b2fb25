import { z } from 'zod'
import { driverAvailability, driverHeartbeat, pageQuery } from '../../../dispatch/requests.js'
import { tripView } from '../../../dispatch/views/views.js'
import { replyJson, route } from '../route.js'
import { noted, okWith, page } from './answers.js'

export const driverRoutes = [
  route({
    id: 'setDriverAvailability',
    method: 'put',
    path: '/api/v1/driver/availability',
    summary: 'Goes on- or offline',
    commands: ['setDriverAvailability'],
    body: driverAvailability,
    answers: okWith('As it is now', z.object({ isOnline: z.boolean() })),
    problems: ['NOT_FOUND', 'VEHICLE_NOT_IN_FLEET'],
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.setDriverAvailability(caller, body))
    },
  }),
  route({
    id: 'driverHeartbeat',
    method: 'post',
    path: '/api/v1/driver/heartbeat',
    summary: 'Still here, and where',
    commands: ['driverHeartbeat'],
    body: driverHeartbeat,
    answers: noted,
    problems: ['NOT_FOUND', 'VEHICLE_NOT_IN_FLEET'],
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.driverHeartbeat(caller, body))
    },
  }),
  route({
    id: 'listDriverTrips',
    method: 'get',
    path: '/api/v1/driver/trips',
    summary: 'The driver’s trips, past ones too',
    commands: ['listDriverTrips'],
    query: pageQuery,
    answers: page('Newest first', tripView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listDriverTrips(caller, query))
    },
  }),
]
