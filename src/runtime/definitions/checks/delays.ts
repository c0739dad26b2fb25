/* Delays: what XState would take for "at once", or run into the limits of a timestamp with, is refused. */
import { at, type Report, shown } from './fault.js'

/**
 * A thousand years. The due time must be an instant that a Date (year 275,760) and the database's timestamps hold; a
 * longer delay is a slip in the units.
 */
export const MAX_DELAY_MS = 1_000 * 366 * 24 * 3600 * 1000

const EXPECTED = `expected milliseconds, from 0 to ${MAX_DELAY_MS} (a thousand years)`

/** What is wrong with a delay in milliseconds; `undefined`: nothing. */
export function complaintAboutDelay(ms: unknown): string | undefined {
  return typeof ms === 'number' && ms >= 0 && ms <= MAX_DELAY_MS ? undefined : `${EXPECTED}, got ${shown(ms)}`
}

type Delays = Readonly<Record<string, unknown>>

/** `delay` of `raise` and `sendTo`: milliseconds, a function of them, or a name. */
export function checkDelay(delay: unknown, path: string, delays: Delays, report: Report): void {
  if (delay === undefined || typeof delay === 'function') return
  if (typeof delay === 'string') {
    if (!isNamed(delays, delay)) report(path, missingDelay(delay))
    return
  }
  const complaint = complaintAboutDelay(delay)
  if (complaint !== undefined) report(path, complaint)
}

/** A key of `after`: milliseconds, or a name. */
export function checkAfter(delay: string, path: string, delays: Delays, report: Report): void {
  checkDelay(Number.isNaN(Number(delay)) ? delay : Number(delay), path, delays, report)
}

/** The delays given to `setup`. */
export function checkNamedDelays(delays: Delays, path: string, report: Report): void {
  for (const [name, delay] of Object.entries(delays)) {
    if (delay === undefined || typeof delay === 'function') continue // a missing one is reported where it is used
    const complaint = complaintAboutDelay(delay)
    if (complaint !== undefined) report(at(path, name), complaint)
  }
}

function missingDelay(name: string): string {
  return `the delay ${shown(name)} is not implemented and would fire at once: pass it to setup({ delays })`
}

function isNamed(delays: Delays, name: string): boolean {
  return Object.hasOwn(delays, name) && delays[name] !== undefined
}
