import { device } from '../../../dispatch/requests.js'
import { reply, replyJson, route } from '../route.js'
import { noted } from './answers.js'
import { byDeviceToken } from './params.js'

const gone = { 204: { description: 'Removed, or the device was not the caller’s' } }

export const deviceRoutes = [
  route({
    id: 'registerDevice',
    method: 'post',
    path: '/api/v1/devices',
    summary:
      'Registers this device for push to the caller. Apps send it at each start, and when FCM issues a new token',
    commands: ['registerDevice'],
    body: device,
    answers: noted,
    async handle({ dispatch }, { caller, body }) {
      return replyJson(await dispatch.registerDevice(caller, body))
    },
  }),
  route({
    id: 'removeDevice',
    method: 'delete',
    path: '/api/v1/devices/:token',
    summary: 'Stops push to the caller on this device, for example on signing out',
    commands: ['removeDevice'],
    params: byDeviceToken,
    // The caller knows the token, so a malformed one is a bad request.
    namesNewId: true,
    answers: gone,
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.removeDevice(caller, params), () => ({ status: 204 }))
    },
  }),
  route({
    id: 'removeDeviceByBody',
    method: 'delete',
    path: '/api/v1/devices',
    summary: 'The same with the token in the body. Some proxies and clients drop the body of a DELETE',
    commands: ['removeDevice'],
    body: device,
    answers: gone,
    async handle({ dispatch }, { caller, body }) {
      return reply(await dispatch.removeDevice(caller, body), () => ({ status: 204 }))
    },
  }),
]
