import type { TokenMessage } from 'firebase-admin/messaging'
import type { PushMessage } from '../../dispatch/ports.js'

/**
 * The message in the formats of the three platforms. Android and browsers get data, which the app displays itself. iOS
 * does not wake an app for data alone, so there the title is an alert.
 */
export function fcmMessage(message: PushMessage, now = Date.now()): TokenMessage {
  const { token, title, data, collapseKey, lifeMs } = message
  // Whole seconds, rounded down, so that a push never outlives its offer. At 0 FCM delivers it now or never.
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

/** RFC 8030 allows 32 characters of base64url, which a UUID without hyphens fits. */
const topic = (key: string) => key.replaceAll('-', '').slice(0, 32)
