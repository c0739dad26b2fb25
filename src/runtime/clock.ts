/*
 * The process's clock, kept in step with the database's: stamps of several processes must be comparable,
 * and deadlines are compared with stamps. Built on the monotonic clock, so that setting the machine's time
 * moves nothing.
 */
export interface Clock {
  /** Milliseconds since the epoch, whole. Never goes back. */
  now(): number
}

export interface SyncedClock extends Clock {
  /** Measures the offset anew; `readDatabaseTime` answers milliseconds since the epoch. */
  sync(readDatabaseTime: () => Promise<number>): Promise<void>
  /** How far the database's clock is ahead of this machine's, as last measured. */
  readonly offsetMs: number
}

export function createClock(): SyncedClock {
  let offsetMs = 0
  let latest = 0
  const localNow = () => performance.timeOrigin + performance.now()

  return {
    get offsetMs() {
      return offsetMs
    },
    now() {
      latest = Math.max(latest, Math.floor(localNow() + offsetMs))
      return latest
    },
    async sync(readDatabaseTime) {
      const sentAt = localNow()
      const databaseTime = await readDatabaseTime()
      offsetMs = databaseTime - (sentAt + localNow()) / 2
    },
  }
}
