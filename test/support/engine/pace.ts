/*
 * How slow this machine is now. Tests give their times for a quiet machine of two cores; on a slow or busy one these times
 * are stretched. Counts, orders and values never depend on it.
 */
import { Worker } from 'node:worker_threads'

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

export interface StallWatch {
  /** The longest delay since the start by which the machine let a thread that wanted to run wait. */
  longestMs(): number
  stop(): Promise<unknown>
}

/**
 * Watches from a thread of its own how late the machine lets threads run, independent of what this process does itself:
 *
 *   const stalls = watchStalls()
 *   …
 *   expect(latestMs).toBeLessThan(250 + stalls.longestMs())
 *
 * Use it where a test asserts a time by the clock: a stall of the machine is then not taken for a fault of the product.
 */
export function watchStalls(): StallWatch {
  const longest = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(WATCH, { eval: true, workerData: longest })
  worker.unref()
  return { longestMs: () => Atomics.load(longest, 0), stop: () => worker.terminate() }
}

const WATCH = `
const longest = require('node:worker_threads').workerData
const never = new Int32Array(new SharedArrayBuffer(4))
for (let expected = performance.now(); ; ) {
  expected = performance.now() + 10
  Atomics.wait(never, 0, 0, 10)
  const late = Math.ceil(performance.now() - expected)
  if (late > Atomics.load(longest, 0)) Atomics.store(longest, 0, late)
}`

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
