import { driverAvailability, driverHeartbeat, pageQuery } from '../../../dispatch/requests.js'
import { replyJson, route } from '../route.js'

const roles = ['driver'] as const

export const driverRoutes = [
  route({
    method: 'put',
    path: '/api/v1/driver/availability',
    summary: 'Goes on- or offline',
    roles,
    body: driverAvailability,
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.setDriverAvailability(caller, body))
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/driver/heartbeat',
    summary: 'Still here, and where',
    roles,
    body: driverHeartbeat,
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.driverHeartbeat(caller, body))
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/driver/trips',
    summary: 'The driver’s trips, past ones too',
    roles,
    query: pageQuery,
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listDriverTrips(caller, query))
    },
  }),
]
