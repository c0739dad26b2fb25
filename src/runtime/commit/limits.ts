/* How much a process accepts at a time, and for how long. */

/** One commit is sent while the database writes the other. More would only compete for its two cores. */
export const MAX_COMMITS_IN_FLIGHT = 2
/** A commit takes its share of what waits, but not less than this: smaller statements cost more than they gain. */
export const MIN_SHARE_ROWS = 16
/** Journal rows of one statement: beyond some hundred the gain is small and everyone waits for the slowest. */
export const MAX_JOURNAL_ROWS = 500
/** Instances read at once: keeps one answer within about a megabyte. */
export const MAX_READ_IDS = 200
/** Events waiting for one instance. A hot request of 500 trucks sees some thousand accepts at once. */
export const MAX_MAILBOX_LENGTH = 10_000
/** Events waiting in the process: about 100 MB, and several seconds of work. */
export const MAX_WAITING = 50_000
/**
 * New callers are refused once the oldest event has waited this long: they would wait even longer. Callers that are queued
 * already keep their latency.
 */
export const MAX_QUEUE_AGE_MS = 1_000
/** This many events at once are no overload: they are decided within the second. */
export const CROWD = 2_000
/** Lost races after which a caller is told to retry later: far more than contention explains. */
export const MAX_ATTEMPTS = 100
/** Each attempt at a row that stays locked costs a lock timeout, for all rows of its commit. */
export const BUSY_PAUSE_MS = 200
/** Callers and their proxies have given up by then. Deciding for them would only delay other callers. */
export const CALLER_PATIENCE_MS = 15_000
/** A subscriber that handles an event at once finds the commit in memory. The state may have changed since, as after any read. */
export const RECALL_MS = 1_000
/**
 * The contract promises that a cancelled request is refused as cancelled, not as full, in every process within a
 * second.
 */
export const REFUSAL_FROM_MEMORY_MS = 900
