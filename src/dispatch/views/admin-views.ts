/* What administrators see: everything. Only shapes, as in views.ts. */
import { z } from 'zod'
import { storyKinds } from '../ports.js'
import { clientId, instanceId, role } from '../requests.js'

const time = z.iso.datetime().describe('ISO 8601, UTC')

export const userView = z.object({ role, id: clientId, active: z.boolean() }).meta({
  id: 'User',
  description: 'A person: an id in one role. The same id in another role is another person.',
})

const instance = z.object({
  id: instanceId,
  machine: z.string(),
  version: z.int(),
  status: z.string(),
  owner: z.string(),
  createdAt: time,
  updatedAt: time,
})

export const instanceSummary = instance
  .extend({ definitionVersion: z.int() })
  .meta({ id: 'InstanceSummary', description: 'One persisted machine.' })

const actor = z.looseObject({ id: z.string(), role: z.string() })

export const instanceDetail = instanceSummary
  .extend({
    snapshot: z.unknown().describe('As XState persists it'),
    timers: z
      .array(
        z.object({
          sendId: z.string(),
          event: z.unknown(),
          generation: z.int().describe('The version that armed it'),
          dueAt: time.optional().describe('Absent if it is parked'),
          parked: z
            .enum(['spent', 'dead', 'dropped'])
            .optional()
            .describe(
              'Why it does not fire: its machine ignored it, it is a dead letter, or a dead letter that was dropped',
            ),
          attempts: z.int().optional().describe('Failed attempts to fire it'),
          error: z.string().optional().describe('The error of the last one'),
          leasedUntil: time
            .optional()
            .describe('Until then a process is firing it, or it rests after a failure'),
        }),
      )
      .readonly(),
    claims: z.array(z.string()).readonly().describe('Keys that no other instance may hold'),
    undelivered: z
      .array(
        z.object({
          version: z.int(),
          index: z.int(),
          subscriber: z.string(),
          attempts: z.int(),
          dueAt: time,
        }),
      )
      .readonly(),
    journal: z
      .array(
        z.object({
          version: z.int(),
          uid: z.string(),
          event: z.record(z.string(), z.unknown()),
          status: z.string(),
          actor,
          at: time,
        }),
      )
      .readonly()
      .describe('The latest transitions, newest first; the history has all'),
  })
  .meta({ id: 'Instance' })

export const instanceEventAnswer = z
  .object({ outcome: z.enum(['applied', 'unchanged']), version: z.int(), instance })
  .meta({ id: 'InstanceEventAnswer' })

const deadLetter = z.object({
  id: z.string(),
  instance: instanceId,
  type: z.string().describe('The type of the event'),
  attempts: z.int(),
  error: z.string(),
  diedAt: time,
})

export const deadLetterView = z
  .discriminatedUnion('kind', [
    deadLetter.extend({
      kind: z.literal('delivery'),
      version: z.int(),
      index: z.int(),
      subscriber: z.string().describe('The subscriber that it could not be delivered to'),
    }),
    deadLetter.extend({
      kind: z.literal('timer'),
      machine: z.string(),
      sendId: z.string(),
      generation: z.int().describe('The version that armed it'),
      dueAt: time,
    }),
  ])
  .meta({
    id: 'DeadLetter',
    description: 'A delivery or a timer that failed too often and is no longer tried.',
  })

export const recipientView = z
  .object({
    transporterId: clientId,
    isOffered: z.boolean(),
    step: z
      .string()
      .optional()
      .describe('The step of the reach that found it; `catch_up` if it connected later'),
    distanceKm: z.number().optional().describe('Whole kilometres from the pickup to its nearest driver'),
    offeredAt: time.optional(),
    reason: z.string().optional().describe('Why it was not offered'),
    declinedAt: time.optional(),
    declineReason: z.string().optional(),
    isOnRecord: z
      .boolean()
      .describe('False if no step found it; the reason is then what excludes it now, if anything does'),
  })
  .meta({ id: 'Recipient', description: 'A transporter and why it was offered a request, or was not.' })

export const adminActionView = z
  .object({
    id: instanceId,
    adminId: clientId,
    action: z.string(),
    target: z.string(),
    reason: z.string().optional(),
    detail: z.record(z.string(), z.unknown()),
    begunAt: time,
    outcome: z
      .string()
      .optional()
      .describe(
        'applied, unchanged or the code of a problem; absent if its process died before it was known',
      ),
    settledAt: time.optional(),
  })
  .meta({ id: 'AdminAction', description: 'Something an administrator did.' })

export const storyView = z
  .object({
    id: instanceId,
    items: z
      .array(
        z.object({
          at: time.optional().describe('Absent if the time is not on record'),
          what: z.enum(storyKinds),
          who: z.string().optional().describe('The user that did it, or `timer`'),
          version: z
            .int()
            .optional()
            .describe('The version of the request, if it changed or emitted the event'),
          detail: z.record(z.string(), z.unknown()),
        }),
      )
      .readonly()
      .describe('In the order in which it happened; the newest 200 of each kind'),
  })
  .meta({
    id: 'Story',
    description:
      'What happened to a request: transitions with their traces, offers and how many transporters were passed over and why, declines, refused accepts, deliveries that failed or wait, and what administrators did.',
  })

export type StoryView = z.infer<typeof storyView>
export type UserView = z.infer<typeof userView>
export type InstanceSummaryView = z.infer<typeof instanceSummary>
export type InstanceDetailView = z.infer<typeof instanceDetail>
export type InstanceEventAnswer = z.infer<typeof instanceEventAnswer>
export type DeadLetterView = z.infer<typeof deadLetterView>
export type RecipientView = z.infer<typeof recipientView>
export type AdminActionView = z.infer<typeof adminActionView>
