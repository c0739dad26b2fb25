/* Timers for waiting work. A process uses real ones, and a simulation its own. */

/** Stops an alarm. Does nothing after it has rung. */
export type Cancel = () => void

export interface Alarms {
  /** Calls `work` once, `delayMs` from now. With `inBackground` a process may end while it waits. */
  after(delayMs: number, work: () => void, options?: { readonly inBackground?: boolean }): Cancel
  /** Calls `work` after all callbacks of this tick. */
  soon(work: () => void): void
}

export const processAlarms: Alarms = {
  after(delayMs, work, { inBackground = false } = {}) {
    const timeout = setTimeout(work, delayMs)
    if (inBackground) timeout.unref()
    return () => clearTimeout(timeout)
  },
  soon: work => void setImmediate(work),
}
