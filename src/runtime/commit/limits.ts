/* How much a process takes on at once, and for how long. */

/** One commit on the wire while the next is being written by the database; more only fight for two cores. */
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
 * When who waits longest has waited so long, who comes now would wait longer: callers hear it at once, and those who are in
 * keep their latency.
 */
export const MAX_QUEUE_AGE_MS = 1_000
/** So many that come at once are no overload: they are decided within the second. */
export const CROWD = 2_000
/** Lost races after which a caller is told to come back: far more than contention explains. */
export const MAX_ATTEMPTS = 100
/** A row that somebody keeps locked costs a lock timeout each time it is tried, and all who are tried with it. */
export const BUSY_PAUSE_MS = 200
/** Callers and their proxies have given up by then; deciding for them would only delay the others. */
export const CALLER_PATIENCE_MS = 15_000
/** Who handles an event at once finds its own commit here; the state may be others' since, as after any read. */
export const RECALL_MS = 1_000
/** Promised to clients: everywhere within a second a cancelled request answers as cancelled, not as full before. */
export const REFUSAL_FROM_MEMORY_MS = 900
