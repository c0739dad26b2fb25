import type { Logger } from 'pino'
import type { PushSender } from '../../dispatch/ports.js'

/** The same as FCM's, so that the queue behaves the same. */
const MAX_BATCH = 500

/** Logs messages instead of sending them, for installations without FCM. */
export function createLoggedPush(log: Logger): PushSender {
  return {
    maxBatch: MAX_BATCH,
    async prepare() {},
    async send(messages) {
      for (const { token, platform, title, data } of messages) {
        // The token is secret. Its beginning is enough to tell devices apart.
        log.info({ device: token.slice(0, 8), platform, id: data.id, type: data.type, title }, 'push')
      }
      return { results: messages.map(() => ({ kind: 'sent' })) }
    },
    async close() {},
  }
}
