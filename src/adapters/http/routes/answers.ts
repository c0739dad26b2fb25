/* Successful answers that several routes share. */
import { z } from 'zod'
import { broadcastEventAnswer, createdBroadcastView, pageOfSchema } from '../../../dispatch/views/views.js'
import type { Answer } from '../route.js'

export const okWith = (description: string, body: z.ZodType): { readonly 200: Answer } => ({
  200: { description, body },
})

export const page = (description: string, item: z.ZodType) => okWith(description, pageOfSchema(item))

export const noted = okWith('Noted', z.object({}))

export const created = {
  201: { description: 'The new request', body: createdBroadcastView, headers: ['location', 'etag'] },
  200: {
    description: 'The request was already created a moment ago',
    body: createdBroadcastView,
    headers: ['location', 'etag'],
  },
} as const satisfies Readonly<Record<number, Answer>>

export const sent = okWith('Applied, or nothing was left to do', broadcastEventAnswer)
