/*
 * A rate limiter by minute, with a sliding window. The previous window counts in proportion to how much of it overlaps
 * the last 60 s, so a client does not get twice the limit around the turn of a minute. Decisions are made from memory at
 * once. Processes exchange their counts a few times a second, and no caller waits for that. If the exchange fails, each
 * process counts for itself.
 */
import { LRUCache } from 'lru-cache'
import type { Counted, SharedCounts } from '../../dispatch/ports.js'

export interface RateLimiter {
  /** Counts one call for `key`. Returns `undefined` if it is allowed, else the seconds until a retry may succeed. */
  take(key: string): number | undefined
  /** Sends the new counts to other processes and reads theirs. Never fails. */
  share(): Promise<void>
  close(): void
}

const WINDOW_MS = 60_000
/** About 30 MB. A flood from more addresses at once evicts the keys used least recently, whose counts start again. */
const MAX_KEYS = 100_000
/** Other processes learn of a call after this time. Until then a flood may use up the limit in each of them. */
const SHARE_EVERY_MS = 250
/** Keys of one round trip, which takes Redis some milliseconds. The rest follows in the next one. */
const MAX_SHARED_AT_ONCE = 1_000

/** Tolerance for fractions of a count and of a second: without it, a client that returns on time could be refused. */
const ROUNDING = 1e-6

interface Count {
  window: number
  /** Calls in this window and in the previous one, by all processes as far as known. */
  current: number
  previous: number
  /** The part of `current` that other processes do not know yet. */
  untold: number
}

export function createRateLimiter(options: {
  readonly perMinute: number
  /** The name of the limit, which separates its keys from those of others. */
  readonly name: string
  readonly shared?: SharedCounts | undefined
  /** A clock in milliseconds that all processes share. */
  readonly now?: () => number
  readonly maxKeys?: number
}): RateLimiter {
  const { perMinute, name, shared, now = Date.now, maxKeys = MAX_KEYS } = options
  const counts = new LRUCache<string, Count>({ max: maxKeys })
  const untold = new Set<string>()
  let sharing: Promise<void> | undefined

  function take(key: string): number | undefined {
    const at = now()
    const count = counts.get(key) ?? newCount(at)
    roll(count, at)
    const passed = (at % WINDOW_MS) / WINDOW_MS
    // Refused calls are not counted, so a client that slows down is allowed again, however long it was too fast.
    if (count.previous * (1 - passed) + count.current + 1 > perMinute + ROUNDING)
      return waitFor(count, passed)
    count.current += 1
    count.untold += 1
    counts.set(key, count)
    if (shared !== undefined && untold.size < maxKeys) untold.add(key)
    return undefined
  }

  /** The seconds until the sliding count has room for one more. */
  function waitFor({ current, previous }: Count, passed: number): number {
    // In this window, if enough of the previous one drops out. Otherwise in the next one, whose previous one is `current`.
    const room = perMinute - 1 - current
    const share = room >= 0 && previous > 0 ? 1 - room / previous : 2 - (perMinute - 1) / current
    return Math.max(1, Math.ceil(((share - passed) * WINDOW_MS) / 1000 - ROUNDING))
  }

  async function tell(): Promise<void> {
    if (shared === undefined) return
    const told: { count: Count; sent: Counted }[] = []
    for (const key of untold) {
      if (told.length === MAX_SHARED_AT_ONCE) break
      untold.delete(key)
      const count = counts.peek(key)
      if (count === undefined || count.untold === 0) continue
      told.push({ count, sent: { key: `${name}:${key}`, window: count.window, count: count.untold } })
    }
    if (told.length === 0) return
    try {
      const totals = await shared.add(told.map(({ sent }) => sent))
      for (const [i, { count, sent }] of told.entries()) learn(count, sent, totals[i])
    } catch {
      // The connection has logged the failure. Each process counts for itself until its counts get through again.
      for (const { sent } of told) untold.add(sent.key.slice(name.length + 1))
    }
  }

  function share(): Promise<void> {
    sharing ??= tell().finally(() => {
      sharing = undefined
    })
    return sharing
  }

  const timer = shared === undefined ? undefined : setInterval(share, SHARE_EVERY_MS).unref()
  return { take, share, close: () => clearInterval(timer) }
}

const newCount = (at: number): Count => ({
  window: Math.floor(at / WINDOW_MS),
  current: 0,
  previous: 0,
  untold: 0,
})

/** Moves a count to the window of `at`. Counts of earlier windows that were not sent no longer matter. */
function roll(count: Count, at: number): void {
  const window = Math.floor(at / WINDOW_MS)
  if (window <= count.window) return // A clock that was set back: the count stays until the clock catches up.
  count.previous = window === count.window + 1 ? count.current : 0
  count.current = 0
  count.untold = 0
  count.window = window
}

/** Adopts the total of all processes. While it was requested, `count` may have grown or moved to the next window. */
function learn(count: Count, sent: Counted, total: { current: number; previous: number } | undefined): void {
  if (total === undefined) return
  if (count.window === sent.window) {
    count.untold -= sent.count
    count.current = total.current + count.untold
    count.previous = Math.max(count.previous, total.previous)
  } else if (count.window === sent.window + 1) count.previous = Math.max(count.previous, total.current)
}
