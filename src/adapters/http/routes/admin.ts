import { z } from 'zod'
import {
  actionsQuery,
  instanceEvent,
  instancesQuery,
  pageQuery,
  putUser,
  reasonBody,
  recipientsQuery,
} from '../../../dispatch/requests.js'
import {
  adminActionView,
  deadLetterView,
  instanceDetail,
  instanceEventAnswer,
  instanceSummary,
  recipientView,
  storyView,
  userView,
} from '../../../dispatch/views/admin-views.js'
import { reply, replyJson, route } from '../route.js'
import { okWith, page } from './answers.js'
import { byDeadLetter, byInstance, byUser } from './params.js'
import { problemsOf } from './problems.js'

const reading = ['inspect'] as const
const commanding = ['administer'] as const

export const adminRoutes = [
  route({
    id: 'putUser',
    method: 'put',
    path: '/api/v1/admin/users/:role/:userId',
    summary: 'Deactivates a person in one role, or activates the person again',
    commands: commanding,
    params: byUser,
    namesNewId: true,
    body: putUser,
    answers: okWith('As it is now', userView),
    async handle({ dispatch }, { caller, params, body }) {
      const person = { role: params.role, id: params.userId }
      return replyJson(await dispatch.setPersonActive(caller, person, body.active))
    },
  }),
  route({
    id: 'endSessions',
    method: 'post',
    path: '/api/v1/admin/users/:role/:userId/sessions/end',
    summary: 'Signs a person out everywhere, as after the loss of a phone',
    commands: commanding,
    params: byUser,
    namesNewId: true,
    answers: { 204: { description: 'No token issued until now is valid any more, used before or not' } },
    async handle({ dispatch }, { caller, params }) {
      const person = { role: params.role, id: params.userId }
      return reply(await dispatch.endSessions(caller, person), () => ({ status: 204 }))
    },
  }),
  route({
    id: 'listInstances',
    method: 'get',
    path: '/api/v1/admin/instances',
    summary: 'Persisted machines, by machine, status and owner',
    commands: reading,
    query: instancesQuery,
    answers: page('Newest first. A page may be short and still have a next one', instanceSummary),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listInstances(caller, query))
    },
  }),
  route({
    id: 'getInstance',
    method: 'get',
    path: '/api/v1/admin/instances/:id',
    summary: 'All stored facts of an instance: snapshot, timers, claims, journal',
    commands: reading,
    params: byInstance,
    answers: okWith('The instance', instanceDetail),
    async handle({ dispatch }, { caller, params }) {
      return replyJson(await dispatch.getInstance(caller, params.id))
    },
  }),
  route({
    id: 'sendToInstance',
    method: 'post',
    path: '/api/v1/admin/instances/:id/events',
    summary: 'Sends any command of its machine. The reason is recorded in the journal',
    commands: commanding,
    params: byInstance,
    body: instanceEvent,
    isConditional: true,
    answers: okWith('Applied, or nothing was left to do', instanceEventAnswer),
    problems: problemsOf.anyCommand,
    commitsKey: true,
    async handle({ dispatch }, { caller, params, body, options }) {
      return replyJson(await dispatch.sendToInstance(caller, params.id, body, options))
    },
  }),
  route({
    id: 'listDeadLetters',
    method: 'get',
    path: '/api/v1/admin/dead-letters',
    summary: 'Deliveries and timers that failed too often and are no longer tried',
    commands: reading,
    query: pageQuery,
    answers: page('Newest first', deadLetterView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listDeadLetters(caller, query))
    },
  }),
  route({
    id: 'redriveDeadLetter',
    method: 'post',
    path: '/api/v1/admin/dead-letters/:id/redrive',
    summary: 'Retries a delivery or a timer, with all attempts available again',
    commands: commanding,
    params: byDeadLetter,
    body: reasonBody,
    answers: okWith('It will be retried', z.object({ id: z.string(), redriven: z.literal(true) })),
    async handle({ dispatch }, { caller, params, body }) {
      return replyJson(await dispatch.redriveDeadLetter(caller, Number(params.id), body))
    },
  }),
  route({
    id: 'dropDeadLetter',
    method: 'post',
    path: '/api/v1/admin/dead-letters/:id/drop',
    summary: 'Discards a delivery or a timer for good: it is never tried again',
    commands: commanding,
    params: byDeadLetter,
    body: reasonBody,
    answers: okWith('Discarded', z.object({ id: z.string(), dropped: z.literal(true) })),
    async handle({ dispatch }, { caller, params, body }) {
      return replyJson(await dispatch.dropDeadLetter(caller, Number(params.id), body))
    },
  }),
  route({
    id: 'listRecipients',
    method: 'get',
    path: '/api/v1/admin/broadcasts/:id/recipients',
    summary: 'Which transporters were offered a request, and why others were not',
    commands: reading,
    params: byInstance,
    query: recipientsQuery,
    answers: page(
      'By transporter. For a `transporterId` that no step found: the reasons against it now',
      recipientView,
    ),
    async handle({ dispatch }, { caller, params, query: { isOffered, ...query } }) {
      const filter = isOffered === undefined ? {} : { isOffered: isOffered === 'true' }
      return replyJson(await dispatch.listRecipients(caller, params.id, { ...query, ...filter }))
    },
  }),
  route({
    id: 'tellStory',
    method: 'get',
    path: '/api/v1/admin/broadcasts/:id/story',
    summary: 'What happened to a request, in order. Answers most questions about why',
    commands: reading,
    params: byInstance,
    answers: okWith('The story of the request', storyView),
    async handle({ dispatch }, { caller, params }) {
      return replyJson(await dispatch.tellStory(caller, params.id))
    },
  }),
  route({
    id: 'listAdminActions',
    method: 'get',
    path: '/api/v1/admin/actions',
    summary: 'The actions of administrators: time, reason and outcome',
    commands: reading,
    query: actionsQuery,
    answers: page('Newest first', adminActionView),
    async handle({ dispatch }, { caller, query }) {
      return replyJson(await dispatch.listAdminActions(caller, query))
    },
  }),
]
