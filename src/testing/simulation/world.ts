/*
 * The world of simulated processes: time, randomness, one database, and faults. Each message draws whether it fails.
 * `calm` ends all faults, so that unfinished work becomes visible.
 */
import type { InstanceWrite } from '../../runtime/ports.js'
import { MemoryDatabase } from '../memory/database.js'
import { type Chance, createChance } from './chance.js'
import { createTrace, type Trace } from './trace.js'
import { VirtualTime } from './virtual-time.js'

/** The faults and how often they happen, as probabilities for each message. Times are in milliseconds. */
export interface Mishaps {
  /** A message to the database that never arrives. */
  readonly lost: number
  /** A message that arrives, but whose answer is lost. */
  readonly unanswered: number
  /** The caller is told that the connection is lost, and the message arrives after that. */
  readonly late: number
  /** A message that takes up to `slowMs`. */
  readonly slow: number
  readonly slowMs: number
  /** A subscriber that fails. Half of these fail after their work is done, so they do it twice. */
  readonly subscriberFails: number
  readonly wakeUpLost: number
  /** The largest difference between a process's clock and the database's, before it is set. */
  readonly clockSkewMs: number
}

export const DEFAULT_MISHAPS: Mishaps = {
  lost: 0.01,
  unanswered: 0.01,
  late: 0.01,
  slow: 0.05,
  slowMs: 50,
  subscriberFails: 0.03,
  wakeUpLost: 0.3,
  clockSkewMs: 5_000,
}

const NONE: Mishaps = { ...DEFAULT_MISHAPS, lost: 0, unanswered: 0, late: 0, slow: 0, subscriberFails: 0 }

/** A network within one zone: messages take 0.25 to 2 ms. */
const SHORTEST_LATENCY_MS = 0.25
const LONGEST_LATENCY_MS = 2

/** Every run begins at this simulated time, so what it stores is the same each time. */
export const EPOCH_MS = Date.UTC(2026, 0, 1)

export class World {
  readonly chance: Chance
  readonly time: VirtualTime
  readonly trace: Trace
  readonly database: MemoryDatabase
  mishaps: Mishaps

  constructor(options: {
    readonly seed: number
    readonly mishaps: Mishaps
    readonly keepsTrace: boolean
    readonly onMoved: (write: InstanceWrite) => void
  }) {
    this.chance = createChance(options.seed)
    this.time = new VirtualTime(this.chance)
    this.trace = createTrace(() => this.time.now, options.keepsTrace)
    this.database = new MemoryDatabase(() => this.epochMs(), options.onMoved)
    this.mishaps = options.mishaps
  }

  epochMs(): number {
    return EPOCH_MS + this.time.now
  }

  /** How long one message takes, in milliseconds. */
  latencyMs(): number {
    const { slow, slowMs } = this.mishaps
    return this.chance.happens(slow)
      ? this.chance.between(LONGEST_LATENCY_MS, slowMs)
      : this.chance.between(SHORTEST_LATENCY_MS, LONGEST_LATENCY_MS)
  }

  /** Ends all faults. */
  calm(): void {
    this.mishaps = { ...NONE, clockSkewMs: this.mishaps.clockSkewMs }
  }
}
