/*
 * Sets up the limits by user and by address. They are counted in the process, and shared through Redis if there is one.
 */
import type { Logger } from 'pino'
import type { HealthCheck } from '../adapters/http/health.js'
import { createRateLimiter, type RateLimiter } from '../adapters/memory/rate-limiter.js'
import { createSharedCounts } from '../adapters/redis/shared-counts.js'
import { addressOf } from '../dispatch/auth/sender.js'
import { personKey, type RateLimits } from '../dispatch/ports.js'
import type { Settings } from './settings/settings.js'

export interface OpenRateLimits extends RateLimits {
  /** Limits are on, but the counts of other processes are unknown now. */
  isAlone(): boolean
  close(): void
}

export function openRateLimits(
  settings: Pick<
    Settings,
    'redisUrl' | 'redisMode' | 'rateLimitUserPerMinute' | 'rateLimitAddressPerMinute' | 'trustedProxies'
  >,
  log: Logger,
): OpenRateLimits {
  const {
    redisUrl: url,
    redisMode: mode,
    rateLimitUserPerMinute,
    rateLimitAddressPerMinute,
    trustedProxies,
  } = settings
  const isOn = rateLimitUserPerMinute > 0 || rateLimitAddressPerMinute > 0
  const shared = isOn && url !== undefined ? createSharedCounts({ url, mode, log }) : undefined
  const limiter = (name: string, perMinute: number): RateLimiter | undefined =>
    perMinute === 0 ? undefined : createRateLimiter({ name, perMinute, shared })
  const users = limiter('user', rateLimitUserPerMinute)
  const addresses = limiter('address', rateLimitAddressPerMinute)
  return {
    ofUser: person => users?.take(personKey(person)),
    ofAddress: sender => addresses?.take(addressOf(sender, trustedProxies)),
    isAlone: () => shared?.isFailing() ?? false,
    close() {
      users?.close()
      addresses?.close()
      shared?.close()
    },
  }
}

/** Combines the health of Redis with that of the shared counts, which may be on another node of a cluster. */
export function withLimits(check: HealthCheck, limits: OpenRateLimits): HealthCheck {
  return async () => {
    const redis = await check()
    if (!limits.isAlone()) return redis
    const status = redis.status === 'ok' ? 'degraded' : redis.status
    return { ...redis, status, limits: 'counted by each process alone' }
  }
}
