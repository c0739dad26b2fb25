/*
 * What a device is sent: the ids by which the app finds the event among those it has, and a sentence for people. Never
 * the request itself: FCM takes 4,000 bytes, and what it says would be old by the time somebody looks.
 */

import { defined } from '../../types/defined.js'
import type { LeasedPush, PushMessage } from '../ports.js'
import { offerTitle } from '../reach/offers.js'

/**
 * News of how a request stands: the newest says it all. Offers and trips are each something to act on.
 */
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
