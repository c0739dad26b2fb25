import {
  broadcastEvent,
  broadcastsQuery,
  createBooking,
  createBroadcast,
  createOrder,
  pageQuery,
  reasonBody,
} from '../../../dispatch/requests.js'
import { etagOf } from '../conditional.js'
import { replyCreated } from '../created.js'
import { reply, replyJson, route } from '../route.js'
import { byInstance } from './params.js'

export const customerRoutes = [
  route({
    method: 'post',
    path: '/api/v1/broadcasts',
    summary: 'Asks for trucks, of one type or several',
    roles: ['customer'],
    body: createBroadcast,
    commitsKey: true,
    async handle({ dispatch }, { caller, body, options }) {
      return reply(await dispatch.createBroadcast(caller, body, options), replyCreated)
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/booking',
    summary: 'Asks for trucks of one type',
    roles: ['customer'],
    body: createBooking,
    commitsKey: true,
    async handle({ dispatch }, { caller, body, options }) {
      return reply(await dispatch.createBooking(caller, body, options), replyCreated)
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/orders',
    summary: 'Asks for trucks of several types',
    roles: ['customer'],
    body: createOrder,
    commitsKey: true,
    async handle({ dispatch }, { caller, body, options }) {
      return reply(await dispatch.createOrder(caller, body, options), replyCreated)
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/broadcasts/:id/retry',
    summary: 'Asks again for the trucks that an expired request is missing, once',
    roles: ['customer'],
    params: byInstance,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, options }) {
      return reply(await dispatch.retryBroadcast(caller, params.id, options), replyCreated)
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/broadcasts',
    summary: "A customer's own requests; a transporter's live offers; all of them for an admin",
    roles: ['customer', 'transporter', 'admin'],
    query: broadcastsQuery,
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listBroadcasts(caller, query))
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/broadcasts/:id',
    summary: 'One request, as the caller may see it',
    roles: ['customer', 'transporter', 'driver', 'admin'],
    params: byInstance,
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.getBroadcast(caller, params.id), broadcast => ({
        status: 200,
        headers: { etag: etagOf(broadcast.version) },
        body: broadcast,
      }))
    },
  }),
  route({
    method: 'post',
    path: '/api/v1/broadcasts/:id/events',
    summary: 'The transition API: sends a command to the request',
    roles: ['customer', 'transporter'],
    params: byInstance,
    body: broadcastEvent,
    isConditional: true,
    commitsKey: ({ type }) => type !== 'decline',
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(await dispatch.sendToBroadcast(caller, params.id, body, options))
    },
  }),
  route({
    method: 'put',
    path: '/api/v1/booking/:id/cancel',
    summary: 'The same as the event `cancel`',
    roles: ['customer'],
    params: byInstance,
    body: reasonBody,
    isConditional: true,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(
        await dispatch.sendToBroadcast(caller, params.id, { type: 'cancel', ...body }, options),
      )
    },
  }),
  route({
    method: 'get',
    path: '/api/v1/broadcasts/:id/history',
    summary: 'Every transition of the request, oldest first',
    roles: ['customer', 'admin'],
    params: byInstance,
    query: pageQuery,
    async handle({ dispatch }, { caller, params, query }) {
      return replyJson(await dispatch.history(caller, params.id, query))
    },
  }),
]
