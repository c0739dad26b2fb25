/* The limits by user and by address, put together: counted in the process, shared through Redis if there is one. */
import type { Logger } from 'pino'
import { createRateLimiter, type RateLimiter } from './adapters/memory/rate-limiter.js'
import { createSharedCounts } from './adapters/redis/shared-counts.js'
import { addressOf } from './dispatch/auth/sender.js'
import type { RateLimits } from './dispatch/ports.js'
import type { Settings } from './settings.js'

export interface OpenRateLimits extends RateLimits {
  close(): void
}

export function openRateLimits(
  settings: Pick<
    Settings,
    'redisUrl' | 'rateLimitUserPerMinute' | 'rateLimitAddressPerMinute' | 'trustedProxies'
  >,
  log: Logger,
): OpenRateLimits {
  const { redisUrl, rateLimitUserPerMinute, rateLimitAddressPerMinute, trustedProxies } = settings
  const isOn = rateLimitUserPerMinute > 0 || rateLimitAddressPerMinute > 0
  const shared = isOn && redisUrl !== undefined ? createSharedCounts({ url: redisUrl, log }) : undefined
  const limiter = (name: string, perMinute: number): RateLimiter | undefined =>
    perMinute === 0 ? undefined : createRateLimiter({ name, perMinute, shared })
  const users = limiter('user', rateLimitUserPerMinute)
  const addresses = limiter('address', rateLimitAddressPerMinute)
  return {
    ofUser: id => users?.take(id),
    ofAddress: sender => addresses?.take(addressOf(sender, trustedProxies)),
    close() {
      users?.close()
      addresses?.close()
      shared?.close()
    },
  }
}
