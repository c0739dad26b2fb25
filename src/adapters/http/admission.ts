/*
 * Limits how many requests this process handles at once. Without a limit an overload makes every request slower, until
 * each answer comes after its caller has given up. A request over the limit is refused before any of it is read, with
 * `Retry-After`. A single burst is no overload: it is worked off.
 */
import { Room } from './traffic/room.js'

/** The median answer time that the limit aims at during an overload. People do not notice this delay. */
const TARGET_MS = 150
/** A burst may exceed the target for this long. A thousand requests that come at once are answered within it. */
const PATIENCE_MS = 2_000
/** A busy process answers some hundred requests in this time, enough for a median. */
const WINDOW_MS = 200
/** All answers may wait for one slow commit. If no answer comes for this long, nothing makes progress. */
const MAX_WINDOW_MS = 1_000
/**
 * The smallest limit. So many requests hold a few megabytes, and a slow database answers them faster together than a
 * few at a time.
 */
const LEAST = 128
/** The largest limit. Each request holds some 20 KB, 40 MB in all, and so many are two or three seconds of work. */
const MOST = 2_000
/** How fast the limit rises again: from the smallest to the largest in two seconds. */
const GROWTH = 1.25

/** A request takes a place after it has arrived whole and releases it when its answer is handed to the socket. */
export interface Admission {
  /** Takes a place and returns the time; `undefined` when there is none. */
  enter(): number | undefined
  isFull(): boolean
  leave(): void
  /** Records how long an answer took, even if its place was released earlier because the client went away. */
  answered(ms: number): void
  readonly room: Room
  readonly underWay: number
  /** How many requests may be in progress now. */
  readonly limit: number
}

/** @param now monotonic, in milliseconds */
export function createAdmission(now: () => number = () => performance.now()): Admission {
  let limit = MOST
  const room = new Room({
    get count() {
      return limit
    },
    bytes: Number.POSITIVE_INFINITY,
  })
  let windowBeganAt = now()
  let slowSince: number | undefined
  /** Milliseconds of each answer in this window. */
  let taken: number[] = []

  function look(at: number): void {
    const elapsed = at - windowBeganAt
    if (elapsed < WINDOW_MS || (taken.length === 0 && room.count > 0 && elapsed < MAX_WINDOW_MS)) return
    const isSlow = taken.length === 0 ? room.count > 0 : medianOf(taken) > TARGET_MS
    if (isSlow) {
      slowSince ??= windowBeganAt
      // The number that is answered within the target (Little's law: in progress = rate × time).
      if (at - slowSince >= PATIENCE_MS) limit = within((taken.length / elapsed) * TARGET_MS)
    } else {
      // While an overload lasts the next slow window lowers the limit at once: only the limit keeps the answers fast.
      if (limit === MOST) slowSince = undefined
      limit = within(limit * GROWTH)
    }
    windowBeganAt = at
    taken = []
  }

  return {
    enter() {
      const at = now()
      look(at)
      if (room.isFull) return undefined
      room.enter(0)
      return at
    },
    isFull() {
      look(now())
      return room.isFull
    },
    leave: () => room.leave(0),
    answered: ms => void taken.push(ms),
    room,
    get underWay() {
      return room.count
    },
    get limit() {
      return limit
    },
  }
}

const within = (wanted: number) => Math.round(Math.min(MOST, Math.max(LEAST, wanted)))

function medianOf(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0
}
