import {
  acceptBody,
  driversQuery,
  pageQuery,
  putDriver,
  putVehicle,
  reasonBody,
  transporterAvailability,
  transporterHeartbeat,
} from '../../../dispatch/requests.js'
import { answerView, driverView, vehicleView } from '../../../dispatch/views/views.js'
import { reply, replyJson, route } from '../route.js'
import { noted, okWith, page, sent } from './answers.js'
import { byDriver, byInstance, byVehicle } from './params.js'
import { problemsOf } from './problems.js'

export const transporterRoutes = [
  route({
    id: 'acceptBroadcast',
    method: 'post',
    path: '/api/v1/broadcast/:id/accept',
    summary: 'The same as the event `accept`',
    commands: ['broadcast.accept'],
    params: byInstance,
    body: acceptBody,
    isConditional: true,
    answers: sent,
    problems: problemsOf.accept,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(
        await dispatch.sendToBroadcast(caller, params.id, { type: 'accept', ...body }, options),
      )
    },
  }),
  route({
    id: 'declineBroadcast',
    method: 'post',
    path: '/api/v1/broadcast/:id/decline',
    summary: 'The same as the event `decline`',
    commands: ['broadcast.decline'],
    params: byInstance,
    body: reasonBody,
    isConditional: true,
    answers: sent,
    problems: problemsOf.decline,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(
        await dispatch.sendToBroadcast(caller, params.id, { type: 'decline', ...body }, options),
      )
    },
  }),
  route({
    id: 'setTransporterAvailability',
    method: 'put',
    path: '/api/v1/transporter/availability',
    summary: 'Starts or stops receiving offers',
    commands: ['setTransporterAvailability'],
    body: transporterAvailability,
    answers: okWith('The present state', transporterAvailability),
    problems: ['RATE_LIMITED'],
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.setTransporterAvailability(caller, body.isAvailable))
    },
  }),
  route({
    id: 'transporterHeartbeat',
    method: 'post',
    path: '/api/v1/transporter/heartbeat',
    summary: 'Reports that the transporter is present',
    commands: ['transporterHeartbeat'],
    body: transporterHeartbeat,
    answers: noted,
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.transporterHeartbeat(caller, body))
    },
  }),
  route({
    id: 'listDrivers',
    method: 'get',
    path: '/api/v1/transporter/drivers',
    summary: 'The fleet’s drivers and invited drivers. `assignable=true` returns only those that are free',
    commands: ['listFleet'],
    query: driversQuery,
    answers: page('Newest first', driverView),
    async handle({ dispatch }, { caller, query: { assignable, ...page } }) {
      const filter = assignable === undefined ? {} : { assignable: assignable === 'true' }
      return replyJson(await dispatch.listDrivers(caller, { ...page, ...filter }))
    },
  }),
  route({
    id: 'getDriver',
    method: 'get',
    path: '/api/v1/transporter/drivers/:driverId',
    summary: 'One driver of the fleet, or one that is invited',
    commands: ['getDriver'],
    params: byDriver,
    answers: okWith('The driver', driverView),
    async handle({ dispatch }, { caller, params }) {
      return replyJson(await dispatch.getDriver(caller, params.driverId))
    },
  }),
  route({
    id: 'putDriver',
    method: 'put',
    path: '/api/v1/transporter/drivers/:driverId',
    summary: 'Invites a driver into the fleet, or changes one. The id is the `sub` of the driver’s tokens',
    commands: ['putDriver'],
    params: byDriver,
    namesNewId: true,
    body: putDriver,
    answers: {
      200: { description: 'Changed', body: driverView, headers: ['location'] },
      201: {
        description: 'Invited: the driver joins the fleet by accepting',
        body: driverView,
        headers: ['location'],
      },
    },
    problems: ['DRIVER_TAKEN'],
    async handle({ dispatch }, { caller, params, body }) {
      return reply(await dispatch.putDriver(caller, params.driverId, body), ({ isNew, ...driver }) => ({
        status: isNew ? 201 : 200,
        headers: { location: `/api/v1/transporter/drivers/${encodeURIComponent(driver.id)}` },
        body: driver,
      }))
    },
  }),
  route({
    id: 'deleteDriver',
    method: 'delete',
    path: '/api/v1/transporter/drivers/:driverId',
    summary: 'Removes a driver from the fleet, or withdraws an invitation',
    commands: ['deleteDriver'],
    params: byDriver,
    answers: { 204: { description: 'Removed' } },
    problems: ['DRIVER_BUSY'],
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.deleteDriver(caller, params.driverId), () => ({ status: 204 }))
    },
  }),
  route({
    id: 'listAnswers',
    method: 'get',
    path: '/api/v1/transporter/answers',
    summary: 'The transporter’s accepts, declines and refused accepts',
    commands: ['listAnswers'],
    query: pageQuery,
    answers: page('Newest first; a refused accept appears within a second', answerView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listAnswers(caller, query))
    },
  }),
  route({
    id: 'listVehicles',
    method: 'get',
    path: '/api/v1/transporter/vehicles',
    summary: 'The fleet’s vehicles',
    commands: ['listFleet'],
    query: pageQuery,
    answers: page('Newest first', vehicleView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listVehicles(caller, query))
    },
  }),
  route({
    id: 'putVehicle',
    method: 'put',
    path: '/api/v1/transporter/vehicles/:vehicleId',
    summary: 'Adds a vehicle to the fleet, or changes one',
    commands: ['putVehicle'],
    params: byVehicle,
    namesNewId: true,
    body: putVehicle,
    answers: {
      200: { description: 'Changed', body: vehicleView },
      201: { description: 'Added', body: vehicleView },
    },
    problems: ['VEHICLE_TAKEN', 'VEHICLE_BUSY'],
    async handle({ dispatch }, { caller, params, body }) {
      return reply(await dispatch.putVehicle(caller, params.vehicleId, body), ({ isNew, ...vehicle }) => ({
        status: isNew ? 201 : 200,
        body: vehicle,
      }))
    },
  }),
  route({
    id: 'deleteVehicle',
    method: 'delete',
    path: '/api/v1/transporter/vehicles/:vehicleId',
    summary: 'Removes a vehicle from the fleet',
    commands: ['deleteVehicle'],
    params: byVehicle,
    answers: { 204: { description: 'Removed' } },
    problems: ['VEHICLE_BUSY'],
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.deleteVehicle(caller, params.vehicleId), () => ({ status: 204 }))
    },
  }),
]
