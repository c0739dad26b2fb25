/*
 * Counts recent database failures by SQLSTATE. Failing statements say more than a check that happens to succeed. Only
 * faults of the environment are counted.
 */

/** Longer than a balancer's interval between health checks, so that none misses a failure. */
const REMEMBERED_MS = 10_000
/** Counters: one for each full second and one for the current second. */
const SLOT_MS = 1_000
/** Key of failures without a SQLSTATE: the connection was lost or could not be made. */
const NO_CODE = 'connection'

export interface RecentFailures {
  note(error: unknown): void
  /** SQLSTATE → failures in the last ten seconds; empty when there were none. */
  counts(): Readonly<Record<string, number>>
}

export function createRecentFailures(now: () => number = () => performance.now()): RecentFailures {
  let slots: { readonly at: number; readonly counts: Map<string, number> }[] = []

  function forgetOld(): void {
    slots = slots.filter(({ at }) => now() - at < REMEMBERED_MS)
  }

  return {
    note(error) {
      const code = codeOf(error)
      let slot = slots.at(-1)
      if (slot === undefined || now() - slot.at >= SLOT_MS) {
        forgetOld()
        slot = { at: now(), counts: new Map() }
        slots.push(slot)
      }
      slot.counts.set(code, (slot.counts.get(code) ?? 0) + 1)
    },
    counts() {
      forgetOld()
      const all: Record<string, number> = {}
      for (const { counts } of slots) {
        for (const [code, count] of counts) all[code] = (all[code] ?? 0) + count
      }
      return all
    },
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : NO_CODE
}
