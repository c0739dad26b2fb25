/*
 * The process's clock, kept in step with the database's, because stamps of several processes must be comparable and
 * deadlines are compared with stamps. It is built on the monotonic clock, so that setting the machine's time has no
 * effect.
 */
export interface Clock {
  /** Whole milliseconds since the epoch. Never goes back. */
  now(): number
}

export interface SyncedClock extends Clock {
  /**
   * Measures the offset again. `readDatabaseTime` returns milliseconds since the epoch. Throws `ClockSkewError` and
   * keeps the old offset if the new one is larger than drift can explain.
   */
  sync(readDatabaseTime: () => Promise<number>): Promise<void>
  /** How far the database's clock is ahead of this machine's, as last measured. */
  readonly offsetMs: number
}

/** The clocks of this machine and the database differ by more than drift can explain, so one of them is wrong. */
export class ClockSkewError extends Error {
  constructor(skewMs: number) {
    super(
      `The database's clock is ${Math.round(skewMs)} ms ahead of this machine's; at most ${MAX_SKEW_MS} ms either way can be put right. Set the clocks first.`,
    )
    this.name = 'ClockSkewError'
  }
}

/** Tokens expire by this machine's clock and requests by the database's. Users would notice a larger difference. */
const MAX_SKEW_MS = 60_000
/** The quickest of several answers has the smallest error: at most half its time. */
const SAMPLES = 3

/** `readLocalTime` is for tests: milliseconds since the epoch, monotonic. */
export function createClock(readLocalTime?: () => number): SyncedClock {
  let offsetMs = 0
  let latest = 0
  const localNow = readLocalTime ?? (() => performance.timeOrigin + performance.now())

  return {
    get offsetMs() {
      return offsetMs
    },
    now() {
      latest = Math.max(latest, Math.floor(localNow() + offsetMs))
      return latest
    },
    async sync(readDatabaseTime) {
      let best = { takenMs: Number.POSITIVE_INFINITY, offsetMs: 0 }
      for (let i = 0; i < SAMPLES; i++) {
        const sentAt = localNow()
        const databaseTime = await readDatabaseTime()
        const takenMs = localNow() - sentAt
        if (takenMs < best.takenMs) best = { takenMs, offsetMs: databaseTime - (sentAt + takenMs / 2) }
      }
      if (Math.abs(best.offsetMs) > MAX_SKEW_MS) throw new ClockSkewError(best.offsetMs)
      offsetMs = best.offsetMs
    },
  }
}
