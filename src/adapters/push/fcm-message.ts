import type { TokenMessage } from 'firebase-admin/messaging'
import type { PushMessage } from '../../dispatch/ports.js'

/**
 * One message in the words of the three platforms. Android and browsers get data, which the app shows in its own way;
 * iOS wakes nobody for data alone, so there the sentence is an alert.
 */
export function fcmMessage(message: PushMessage, now = Date.now()): TokenMessage {
  const { token, title, data, collapseKey, lifeMs } = message
  // Whole seconds, rounded down: not a moment longer than it lasts. At 0 it is now or never.
  const lifeSeconds = Math.max(0, Math.floor(lifeMs / 1000))
  return {
    token,
    data: { ...data },
    android: {
      priority: 'high',
      ttl: lifeSeconds * 1000,
      ...(collapseKey === undefined ? {} : { collapseKey }),
    },
    apns: {
      headers: {
        'apns-priority': '10',
        'apns-push-type': 'alert',
        'apns-expiration': String(Math.floor(now / 1000) + lifeSeconds),
        ...(collapseKey === undefined ? {} : { 'apns-collapse-id': collapseKey }),
      },
      payload: { aps: { alert: { title }, sound: 'default' } },
    },
    webpush: {
      headers: {
        TTL: String(lifeSeconds),
        Urgency: 'high',
        ...(collapseKey === undefined ? {} : { Topic: topic(collapseKey) }),
      },
    },
  }
}

/** RFC 8030 allows 32 characters of base64url: a UUID without its hyphens. */
const topic = (key: string) => key.replaceAll('-', '').slice(0, 32)
