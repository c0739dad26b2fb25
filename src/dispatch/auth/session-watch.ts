/*
 * Hears whose sessions were ended, on whichever process, within half a second. Every process asks the database, which alone
 * knows: no message can be lost, Redis may be away, and a process that was paused asks before it trusts its memory again.
 */
import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { FleetStore, Person, PersonState } from '../ports.js'

/** One look-up in an index for each process, which finds nothing nearly always. */
const ASK_EVERY_MS = 400
/**
 * What was kept of people counts for so long after the last question that was answered: an end is promised to be known within
 * a second. Longer than two turns, so that one slow answer costs nothing.
 */
export const FRESH_FOR_MS = 900
/**
 * Each question reaches back beyond the last one: an end becomes visible a moment after the time it bears, and a look that
 * began before it may be kept after (for 5 s, people.ts).
 */
const OVERLAP_MS = 10_000

interface WatchParts {
  readonly fleet: Pick<FleetStore, 'endedWithin'>
  readonly log: DispatchLog
  /** May be told the same several times. */
  onEnded(people: readonly (Person & PersonState)[]): void
}

export class SessionWatch {
  readonly #parts: WatchParts
  readonly #asking: Periodic
  /** When the last question was asked that was answered; monotonic. */
  #heardAt = Number.NEGATIVE_INFINITY
  #isRunning = false
  #isDeaf = false

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#asking = new Periodic({
      everyMs: ASK_EVERY_MS,
      work: () => this.#ask(),
      onFailure: error => this.#complain(error),
    })
  }

  /** Resolves when all that was ended before is known. */
  async start(): Promise<void> {
    await this.#ask()
    this.#isRunning = true
    this.#asking.start()
  }

  /** Whether what was kept of people may still be true. Always, where nothing is watched: a program without doors. */
  isFresh(): boolean {
    return !this.#isRunning || performance.now() - this.#heardAt <= FRESH_FOR_MS
  }

  async stop(): Promise<void> {
    await this.#asking.stop()
  }

  async #ask(): Promise<void> {
    const askedAt = performance.now()
    const sinceMs = Number.isFinite(this.#heardAt) ? askedAt - this.#heardAt : 0
    this.#parts.onEnded(await this.#parts.fleet.endedWithin(sinceMs + OVERLAP_MS))
    this.#heardAt = askedAt
    this.#isDeaf = false
  }

  /** Once for each outage: requests ask the database themselves then, and are told that it is away. */
  #complain(error: unknown): void {
    if (!this.#isDeaf) this.#parts.log.warn({ err: error }, 'it is not known whose sessions were ended')
    this.#isDeaf = true
  }
}
