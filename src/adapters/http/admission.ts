/*
 * How many requests may be under way in this process. When more come than it can do, all would wait longer and longer, until
 * each is answered after its caller has gone: whoever is too many hears at once, before anything of the request is read,
 * that it may come back. A crowd that comes once is no such thing, and is worked off.
 */
import { Room } from './traffic/room.js'

/** What half of the answers may take, for as long as more come than can be done: people do not notice it. */
const TARGET_MS = 150
/** For so long it may take longer: a crowd of a thousand, all at once, is worked off within it. */
const PATIENCE_MS = 2_000
/** Some hundred answers on a busy process: enough for a median. */
const WINDOW_MS = 200
/** Answers may all be in one commit that takes its time. Without any for so long, nothing is being done. */
const MAX_WINDOW_MS = 1_000
/** Always admitted: they hold a few megabytes, and a slow database answers them better together than a few at a time. */
const LEAST = 128
/** Never more. Each holds some 20 KB, 40 MB in all, and they are two or three seconds of work. */
const MOST = 2_000
/** How fast it opens again: from the least to the most in two seconds. */
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
  /** How many may be under way now. */
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
      // As many as are done within the target (Little's law: under way = rate × time).
      if (at - slowSince >= PATIENCE_MS) limit = within((taken.length / elapsed) * TARGET_MS)
    } else {
      // An overload that goes on is found again without patience: the limit is what keeps the answers fast.
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
