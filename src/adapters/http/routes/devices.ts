import { device } from '../../../dispatch/requests.js'
import { reply, replyJson, route } from '../route.js'
import { noted } from './answers.js'

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
    path: '/api/v1/devices',
    summary: 'Wakes the caller on this device no more, as on signing out',
    commands: ['removeDevice'],
    body: device,
    answers: { 204: { description: 'Gone, or never the caller’s' } },
    async handle({ dispatch }, { caller, body }) {
      return reply(await dispatch.removeDevice(caller, body), () => ({ status: 204 }))
    },
  }),
]
