import { z } from 'zod'
import { driverAvailability, driverHeartbeat, joinFleet, pageQuery } from '../../../dispatch/requests.js'
import { driverFleetView, tripView } from '../../../dispatch/views/views.js'
import { reply, replyJson, route } from '../route.js'
import { noted, okWith, page } from './answers.js'

export const driverRoutes = [
  route({
    id: 'getDriverFleet',
    method: 'get',
    path: '/api/v1/driver/fleet',
    summary: 'The fleet that the driver is in, and its open invitations',
    commands: ['getDriverFleet'],
    answers: okWith('The present state', driverFleetView),
    async handle({ dispatch }, { caller }) {
      return replyJson(await dispatch.getDriverFleet(caller))
    },
  }),
  route({
    id: 'joinFleet',
    method: 'post',
    path: '/api/v1/driver/fleet',
    summary: 'Accepts an invitation and leaves the previous fleet',
    commands: ['joinFleet'],
    body: joinFleet,
    answers: okWith('The present state', driverFleetView),
    problems: ['NOT_FOUND', 'DRIVER_BUSY'],
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.joinFleet(caller, body))
    },
  }),
  route({
    id: 'leaveFleet',
    method: 'delete',
    path: '/api/v1/driver/fleet',
    summary: 'Leaves the fleet. A driver may be in no fleet',
    commands: ['leaveFleet'],
    answers: { 204: { description: 'The driver is in no fleet' } },
    problems: ['DRIVER_BUSY'],
    async handle({ dispatch }, { caller }) {
      return reply(await dispatch.leaveFleet(caller), () => ({ status: 204 }))
    },
  }),
  route({
    id: 'setDriverAvailability',
    method: 'put',
    path: '/api/v1/driver/availability',
    summary: 'Goes on- or offline',
    commands: ['setDriverAvailability'],
    body: driverAvailability,
    answers: okWith('The present state', z.object({ isOnline: z.boolean() })),
    problems: ['NOT_FOUND', 'VEHICLE_NOT_IN_FLEET'],
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.setDriverAvailability(caller, body))
    },
  }),
  route({
    id: 'driverHeartbeat',
    method: 'post',
    path: '/api/v1/driver/heartbeat',
    summary: 'Reports that the driver is present, and where',
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
    summary: 'The driver’s trips, including past ones',
    commands: ['listDriverTrips'],
    query: pageQuery,
    answers: page('Newest first', tripView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listDriverTrips(caller, query))
    },
  }),
]
