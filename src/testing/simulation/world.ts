/*
 * The world that simulated processes live in: time, chance, one database, and what goes wrong. Whether a thing goes
 * wrong is drawn for each message; `calm` ends all of it, so that what is left undone can be seen.
 */
import type { InstanceWrite } from '../../runtime/ports.js'
import { MemoryDatabase } from '../memory/database.js'
import { type Chance, createChance } from './chance.js'
import { createTrace, type Trace } from './trace.js'
import { VirtualTime } from './virtual-time.js'

/** What goes wrong, and how often: probabilities for each message, milliseconds. */
export interface Mishaps {
  /** A message to the database that never arrives. */
  readonly lost: number
  /** A message that arrives and is answered to nobody. */
  readonly unanswered: number
  /** The caller is told that the connection is lost; the message arrives after that. */
  readonly late: number
  /** A slow message, up to `slowMs`. */
  readonly slow: number
  readonly slowMs: number
  /** A subscriber that fails: half of the time after it has done its work, so that it does it twice. */
  readonly subscriberFails: number
  readonly wakeUpLost: number
  /** How far each process's clock is from the database's before it is set, either way. */
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

/** A network in one zone: a quarter of a millisecond to two. */
const SHORTEST_LATENCY_MS = 0.25
const LONGEST_LATENCY_MS = 2

/** The simulated time at which every run begins: what is stored is the same each time. */
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

  /** How long one message takes. */
  latencyMs(): number {
    const { slow, slowMs } = this.mishaps
    return this.chance.happens(slow)
      ? this.chance.between(LONGEST_LATENCY_MS, slowMs)
      : this.chance.between(SHORTEST_LATENCY_MS, LONGEST_LATENCY_MS)
  }

  /** From now on nothing goes wrong any more. */
  calm(): void {
    this.mishaps = { ...NONE, clockSkewMs: this.mishaps.clockSkewMs }
  }
}
