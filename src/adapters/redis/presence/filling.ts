/*
 * Whether absence can be trusted. After Redis was emptied, replaced or left alone for a while, heartbeats fill presence
 * again. Until every driver has sent one, an absent driver may be present. The scripts decide this in the same way.
 */
import type { Redis } from 'ioredis'
import { gapMs, keyOf, type PresenceConnection, type PresenceRules } from './connection.js'

type State = readonly (string | null)[]

export const readState = (redis: Redis, key: string): Promise<State> =>
  redis.hmget(`${key}:state`, 'since', 'pulse')

/** `now` is milliseconds since the epoch by the clock of Redis. */
export function isFilling(
  { fillMs, driverTtlMs }: PresenceRules,
  [since, pulse]: State,
  now: number,
): boolean {
  if (fillMs === 0) return false
  if (since == null || pulse == null) return true
  return now - Number(since) < fillMs || now - Number(pulse) > gapMs(driverTtlMs)
}

export async function isAnyFilling(redis: PresenceConnection): Promise<boolean> {
  const now = await redis.now()
  const states = await redis.ask(client =>
    Promise.all(redis.shards.map(shard => readState(client, keyOf(shard)))),
  )
  return states.some(state => isFilling(redis.rules, state, now))
}
