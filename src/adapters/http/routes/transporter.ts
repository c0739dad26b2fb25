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
import { reply, replyJson, route } from '../route.js'
import { byDriver, byInstance, byVehicle } from './params.js'

const roles = ['transporter'] as const

export const transporterRoutes = [
  route({
    method: 'post',
    path: '/api/v1/broadcast/:id/accept',
    summary: 'The same as the event `accept`',
    roles,
    params: byInstance,
    body: acceptBody,
    isConditional: true,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(
        await dispatch.sendToBroadcast(caller, params.id, { type: 'accept', ...body }, options),
      )
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/broadcast/:id/decline',
    summary: 'The same as the event `decline`',
    roles,
    params: byInstance,
    body: reasonBody,
    isConditional: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(
        await dispatch.sendToBroadcast(caller, params.id, { type: 'decline', ...body }, options),
      )
    },
  }),
  route({
    method: 'put',
    path: '/api/v1/transporter/availability',
    summary: 'Takes offers, or none',
    roles,
    body: transporterAvailability,
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.setTransporterAvailability(caller, body.isAvailable))
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/transporter/heartbeat',
    summary: 'Still here',
    roles,
    body: transporterHeartbeat,
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.transporterHeartbeat(caller, body))
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/transporter/drivers',
    summary: 'The fleet’s drivers; `assignable=true` leaves out the busy ones',
    roles,
    query: driversQuery,
    async handle({ dispatch }, { caller, query: { assignable, ...page } }) {
      const filter = assignable === undefined ? {} : { assignable: assignable === 'true' }
      return replyJson(await dispatch.listDrivers(caller, { ...page, ...filter }))
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/transporter/drivers/:driverId',
    summary: 'One driver of the fleet',
    roles,
    params: byDriver,
    async handle({ dispatch }, { caller, params }) {
      return replyJson(await dispatch.getDriver(caller, params.driverId))
    },
  }),
  route({
    method: 'put',
    path: '/api/v1/transporter/drivers/:driverId',
    summary: 'Adds a driver to the fleet, or changes one. The id is the `sub` of the driver’s tokens',
    roles,
    params: byDriver,
    namesNewId: true,
    body: putDriver,
    async handle({ dispatch }, { caller, params, body }) {
      return reply(await dispatch.putDriver(caller, params.driverId, body), ({ isNew, ...driver }) => ({
        status: isNew ? 201 : 200,
        headers: { location: `/api/v1/transporter/drivers/${encodeURIComponent(driver.id)}` },
        body: driver,
      }))
    },
  }),
  route({
    method: 'delete',
    path: '/api/v1/transporter/drivers/:driverId',
    summary: 'Takes a driver out of the fleet',
    roles,
    params: byDriver,
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.deleteDriver(caller, params.driverId), () => ({ status: 204 }))
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/transporter/vehicles',
    summary: 'The fleet’s vehicles',
    roles,
    query: pageQuery,
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listVehicles(caller, query))
    },
  }),
  route({
    method: 'put',
    path: '/api/v1/transporter/vehicles/:vehicleId',
    summary: 'Adds a vehicle to the fleet, or changes one',
    roles,
    params: byVehicle,
    namesNewId: true,
    body: putVehicle,
    async handle({ dispatch }, { caller, params, body }) {
      return reply(await dispatch.putVehicle(caller, params.vehicleId, body), ({ isNew, ...vehicle }) => ({
        status: isNew ? 201 : 200,
        body: vehicle,
      }))
    },
  }),
  route({
    method: 'delete',
    path: '/api/v1/transporter/vehicles/:vehicleId',
    summary: 'Takes a vehicle out of the fleet',
    roles,
    params: byVehicle,
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.deleteVehicle(caller, params.vehicleId), () => ({ status: 204 }))
    },
  }),
]
