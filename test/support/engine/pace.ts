/*
 * How slow this machine is now. Tests give their times for a quiet machine of two cores; on a slow or busy one these times
 * are stretched. Counts, orders and values never depend on it.
 */

/** Takes 20 ms on a quiet machine: long enough that the scheduler gives other processes their turns. */
const ROUNDS = 10_000_000
const QUIET_MS = 20
const MEASURE_EVERY_MS = 10_000
/** One unlucky measurement must not let a hanging test wait for an hour. */
const MAX_SLOWNESS = 20

let measured = { slowness: 1, at: Number.NEGATIVE_INFINITY }

/** 1 on a quiet machine, 5 where the same work takes five times as long. Measured again every ten seconds. */
export function slowness(): number {
  if (performance.now() - measured.at > MEASURE_EVERY_MS) {
    const found = Math.min(MAX_SLOWNESS, Math.max(1, elapsedMs(() => spin(ROUNDS)) / QUIET_MS))
    // A quiet moment on a busy machine counts half.
    measured = { slowness: Math.max(found, (found + measured.slowness) / 2), at: performance.now() }
  }
  return measured.slowness
}

/** A deadline on this machine for what takes `ms` at most on a quiet one. */
export function scaled(ms: number): number {
  return Math.ceil(ms * slowness())
}

/**
 * A limit on processor time for work that takes `seconds` at most on a quiet machine. Other processes do not count, yet the same
 * work keeps a processor for longer where it shares a core.
 */
export function scaledProcessorSeconds(seconds: number): number {
  const before = process.cpuUsage()
  spin(ROUNDS)
  const { user, system } = process.cpuUsage(before)
  return seconds * Math.max(1, (user + system) / 1_000 / QUIET_MS)
}

/** Whether more than `scaled(ms)` have passed since `startedAt`. Measures only if `ms` have passed. */
export function isOverdue(startedAt: number, ms: number): boolean {
  const passedMs = performance.now() - startedAt
  return passedMs > ms && passedMs > scaled(ms)
}

function elapsedMs(work: () => unknown): number {
  const startedAt = performance.now()
  work()
  return performance.now() - startedAt
}

/** Cannot be optimised away: each round needs the one before. */
function spin(rounds: number): number {
  let x = 2_463_534_242
  for (let i = 0; i < rounds; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
  }
  return x
}
