/*
 * Whether absence means anything. Emptied, replaced, or left alone for a while, presence is filled by heartbeats,
 * and until each has had its turn, who is absent may be here. The scripts decide it in the same way.
 */
import type { Redis } from 'ioredis'
import { gapMs, keyOf, type PresenceConnection, type PresenceRules } from './connection.js'

type State = readonly (string | null)[]

export const readState = (redis: Redis, key: string): Promise<State> =>
  redis.hmget(`${key}:state`, 'since', 'pulse')

/** `now` is Redis' time. */
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
