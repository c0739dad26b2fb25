import {
  broadcastEvent,
  broadcastsQuery,
  createBooking,
  createBroadcast,
  createOrder,
  pageQuery,
  reasonBody,
} from '../../../dispatch/requests.js'
import { broadcastView, historyItem } from '../../../dispatch/views/views.js'
import { etagOf } from '../conditional.js'
import { replyCreated } from '../created.js'
import { reply, replyJson, route } from '../route.js'
import { created, page, sent } from './answers.js'
import { byInstance } from './params.js'
import { problemsOf } from './problems.js'

export const customerRoutes = [
  route({
    id: 'createBroadcast',
    method: 'post',
    path: '/api/v1/broadcasts',
    summary: 'Requests trucks of one or several types',
    commands: ['createBroadcast'],
    body: createBroadcast,
    answers: created,
    problems: ['ACTIVE_BROADCAST_EXISTS'],
    commitsKey: true,
    async handle({ dispatch }, { caller, body, options }) {
      return reply(await dispatch.createBroadcast(caller, body, options), replyCreated)
    },
  }),
  route({
    id: 'createBooking',
    method: 'post',
    path: '/api/v1/booking',
    summary: 'Requests trucks of one type',
    commands: ['createBroadcast'],
    body: createBooking,
    answers: created,
    problems: ['ACTIVE_BROADCAST_EXISTS'],
    commitsKey: true,
    async handle({ dispatch }, { caller, body, options }) {
      return reply(await dispatch.createBooking(caller, body, options), replyCreated)
    },
  }),
  route({
    id: 'createOrder',
    method: 'post',
    path: '/api/v1/orders',
    summary: 'Requests trucks of several types',
    commands: ['createBroadcast'],
    body: createOrder,
    answers: created,
    problems: ['ACTIVE_BROADCAST_EXISTS'],
    commitsKey: true,
    async handle({ dispatch }, { caller, body, options }) {
      return reply(await dispatch.createOrder(caller, body, options), replyCreated)
    },
  }),
  route({
    id: 'retryBroadcast',
    method: 'post',
    path: '/api/v1/broadcasts/:id/retry',
    summary: 'Requests the missing trucks of an expired request again, once',
    commands: ['retryBroadcast'],
    params: byInstance,
    answers: created,
    problems: ['NOT_RETRYABLE', 'ACTIVE_BROADCAST_EXISTS'],
    commitsKey: true,
    async handle({ dispatch }, { caller, params, options }) {
      return reply(await dispatch.retryBroadcast(caller, params.id, options), replyCreated)
    },
  }),
  route({
    id: 'listBroadcasts',
    method: 'get',
    path: '/api/v1/broadcasts',
    summary: "A customer's own requests; a transporter's live offers; for an admin all requests",
    commands: ['listBroadcasts'],
    query: broadcastsQuery,
    answers: page('Newest first', broadcastView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listBroadcasts(caller, query))
    },
  }),
  route({
    id: 'getBroadcast',
    method: 'get',
    path: '/api/v1/broadcasts/:id',
    summary: 'One request, as the caller may see it',
    commands: ['getBroadcast'],
    params: byInstance,
    answers: { 200: { description: 'The request', body: broadcastView, headers: ['etag'] } },
    async handle({ dispatch }, { caller, params }) {
      return reply(await dispatch.getBroadcast(caller, params.id), broadcast => ({
        status: 200,
        headers: { etag: etagOf(broadcast.version) },
        body: broadcast,
      }))
    },
  }),
  route({
    id: 'sendToBroadcast',
    method: 'post',
    path: '/api/v1/broadcasts/:id/events',
    summary: 'The transition API: sends a command to the request',
    commands: ['broadcast.accept', 'broadcast.cancel', 'broadcast.decline'],
    params: byInstance,
    body: broadcastEvent,
    isConditional: true,
    answers: sent,
    problems: [...problemsOf.accept, ...problemsOf.cancel, ...problemsOf.decline],
    commitsKey: ({ type }) => type !== 'decline',
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(await dispatch.sendToBroadcast(caller, params.id, body, options))
    },
  }),
  route({
    id: 'cancelBooking',
    method: 'put',
    path: '/api/v1/booking/:id/cancel',
    summary: 'The same as the event `cancel`',
    commands: ['broadcast.cancel'],
    params: byInstance,
    body: reasonBody,
    isConditional: true,
    answers: sent,
    problems: problemsOf.cancel,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(
        await dispatch.sendToBroadcast(caller, params.id, { type: 'cancel', ...body }, options),
      )
    },
  }),
  route({
    id: 'getHistory',
    method: 'get',
    path: '/api/v1/broadcasts/:id/history',
    summary: 'Every transition of the request, oldest first',
    commands: ['getHistory'],
    params: byInstance,
    query: pageQuery,
    answers: page('Oldest first', historyItem),
    async handle({ dispatch }, { caller, params, query }) {
      return replyJson(await dispatch.history(caller, params.id, query))
    },
  }),
]
