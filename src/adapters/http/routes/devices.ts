import { device } from '../../../dispatch/requests.js'
import { reply, replyJson, route } from '../route.js'
import { noted } from './answers.js'
import { byDeviceToken } from './params.js'

const gone = { 204: { description: 'Gone, or never the caller’s' } }

export const deviceRoutes = [
  route({
    id: 'registerDevice',
    method: 'post',
    path: '/api/v1/devices',
    summary:
      'Wakes the caller on this device by push. Apps send it at each start, and when FCM gives another token',
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
    summary: 'Wakes the caller on this device no more, as on signing out',
    commands: ['removeDevice'],
    params: byDeviceToken,
    // The caller knows the token: a bad one is a bad request.
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
    summary: 'The same with the token in the body: some proxies and clients drop the body of a DELETE',
    commands: ['removeDevice'],
    body: device,
    answers: gone,
    async handle({ dispatch }, { caller, body }) {
      return reply(await dispatch.removeDevice(caller, body), () => ({ status: 204 }))
    },
  }),
]
