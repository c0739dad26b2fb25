/*
 * What a device is sent: the ids with which the app finds the event, and a sentence for the user. It never has the
 * request itself: FCM takes 4,000 bytes, and the content would be old when the user looks.
 */

import { defined } from '../../types/defined.js'
import type { LeasedPush, PushMessage } from '../ports.js'
import { offerTitle } from '../reach/offers.js'

/** Progress of a request: the newest push replaces the others. Offers and trips each need an action. */
const collapsible: ReadonlySet<string> = new Set([
  'booking_expired',
  'no_vehicles_available',
  'truck_confirmed',
  'truck_released',
])

export function pushMessage(
  { envelopeId, token, platform, content, endsAt }: LeasedPush,
  now: number,
): PushMessage {
  const { type, broadcastId, tripId, version, title = offerTitle(content.trucks ?? 1) } = content
  return {
    token,
    platform,
    title,
    data: {
      id: envelopeId,
      type,
      broadcastId,
      ...defined({ tripId }),
      version: String(version),
      title,
      ...(type === 'new_broadcast' ? { expiresAt: new Date(endsAt).toISOString() } : {}),
    },
    ...(collapsible.has(type) ? { collapseKey: broadcastId } : {}),
    lifeMs: endsAt - now,
  }
}
