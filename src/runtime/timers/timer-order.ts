/*
 * The order in which the timers of one instance fire: by due time, then by arming. XState's own clock keeps the same
 * order (`SimulatedClock` sorts by due time and keeps the order of arming), also for timers of different transitions.
 */
export interface Ordered {
  readonly dueAt: number
  /** The version that armed it. */
  readonly generation: number
  /** Its place among the timers that the same version armed. */
  readonly ordinal?: number | undefined
}

/** Negative if `a` fires before `b`. Timers of different instances have no order beyond their due times. */
export function compareTimers(a: Ordered, b: Ordered): number {
  return a.dueAt - b.dueAt || a.generation - b.generation || (a.ordinal ?? 0) - (b.ordinal ?? 0)
}

export const firesBefore = (a: Ordered, b: Ordered): boolean => compareTimers(a, b) < 0

/**
 * The timers of `others` that fire before one of `leased` of the same instance. Another process may hold their leases and
 * be dead: firing one twice is harmless, firing them in another order is not.
 */
export function earlierOf<T extends Ordered & { readonly instance: string }>(
  leased: readonly T[],
  others: readonly T[],
): T[] {
  const last = new Map<string, T>()
  for (const timer of leased) {
    const known = last.get(timer.instance)
    if (known === undefined || firesBefore(known, timer)) last.set(timer.instance, timer)
  }
  return others.filter(timer => {
    const one = last.get(timer.instance)
    return one !== undefined && firesBefore(timer, one)
  })
}
