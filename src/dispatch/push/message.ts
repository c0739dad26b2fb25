/*
 * What a device is sent: the ids with which the app finds the event, and a sentence for the user. It never has the
 * request itself: FCM takes 4,000 bytes, and the content would be old when the user looks.
 */
import { defined } from '../../types/defined.js'
import { collapses } from '../announcements/socket-events.js'
import type { LeasedPush, PushMessage } from '../ports.js'
import { offerTitle } from '../reach/offers.js'

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
    ...(collapses(type) ? { collapseKey: broadcastId } : {}),
    lifeMs: endsAt - now,
  }
}
