/* Chooses the push sender: FCM if it is configured, otherwise the log. */
import type { Logger } from 'pino'
import { createLoggedPush } from '../adapters/push/logged.js'
import type { PushSender } from '../dispatch/ports.js'
import type { Settings } from './settings/settings.js'

/** FCM's library is loaded only if it is used: it takes a third of a second and 30 MB. */
export async function openPush(
  { fcmServiceAccount, isProduction }: Pick<Settings, 'fcmServiceAccount' | 'isProduction'>,
  log: Logger,
): Promise<PushSender> {
  if (fcmServiceAccount !== undefined) {
    const { createFcm } = await import('../adapters/push/fcm.js')
    return createFcm({ account: fcmServiceAccount })
  }
  if (isProduction) log.warn('push is off: FCM_SERVICE_ACCOUNT is not set')
  return createLoggedPush(log)
}
