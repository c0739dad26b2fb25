/*
 * How often somebody may do something in a minute, over a window that slides: what the last minute counted weighs as
 * much as of it still lies within sixty seconds, so nobody gets twice the limit around the turn of a minute. Decided
 * from memory at once. What is counted is told to other processes, and theirs learnt, a few times a second: nobody ever
 * waits for that, and where it fails each process counts for itself.
 */
import { LRUCache } from 'lru-cache'
import type { Counted, SharedCounts } from '../../dispatch/ports.js'

export interface RateLimiter {
  /** Counts one more for `key`: `undefined` if it may go on, else the seconds after which it is worth another try. */
  take(key: string): number | undefined
  /** Tells others what was counted since, and learns what they did. Never fails. */
  share(): Promise<void>
  close(): void
}

const WINDOW_MS = 60_000
/** Some 30 MB. Who floods from more addresses at once drives the quietest out, who then begin anew. */
const MAX_KEYS = 100_000
/** So much later do other processes know; a flood gets by with what it sends to each of them in this time. */
const SHARE_EVERY_MS = 250
/** Keys of one round trip: some milliseconds of Redis. The rest goes with the next. */
const MAX_SHARED_AT_ONCE = 1_000

/** Of fractions of a count, and of a second: else who comes back to the second could be a hair too early. */
const ROUNDING = 1e-6

interface Count {
  window: number
  /** In this window and the one before, by all processes as far as known. */
  current: number
  previous: number
  /** Of `current`, what others have not been told. */
  untold: number
}

export function createRateLimiter(options: {
  readonly perMinute: number
  /** Names the limit among those that share. */
  readonly name: string
  readonly shared?: SharedCounts | undefined
  /** Milliseconds of a clock that processes have in common. */
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
    // What is refused is not counted: who slows down gets through, however long it was too fast.
    if (count.previous * (1 - passed) + count.current + 1 > perMinute + ROUNDING)
      return waitFor(count, passed)
    count.current += 1
    count.untold += 1
    counts.set(key, count)
    if (shared !== undefined && untold.size < maxKeys) untold.add(key)
    return undefined
  }

  /** When the sliding count has room for one more. */
  function waitFor({ current, previous }: Count, passed: number): number {
    // Within this window, if enough of the last one leaves it; else in the next, where `current` is the last one.
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
      // Whoever keeps the connection has said so. Each counts for itself meanwhile, and tells when it is heard again.
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

/** Brings a count to the window that `at` lies in. What was not told of an earlier one no longer matters. */
function roll(count: Count, at: number): void {
  const window = Math.floor(at / WINDOW_MS)
  if (window <= count.window) return // a clock that was set back waits for its time
  count.previous = window === count.window + 1 ? count.current : 0
  count.current = 0
  count.untold = 0
  count.window = window
}

/** `count` may have gone on, and into the next window, while it was told. */
function learn(count: Count, sent: Counted, total: { current: number; previous: number } | undefined): void {
  if (total === undefined) return
  if (count.window === sent.window) {
    count.untold -= sent.count
    count.current = total.current + count.untold
    count.previous = Math.max(count.previous, total.previous)
  } else if (count.window === sent.window + 1) count.previous = Math.max(count.previous, total.current)
}
