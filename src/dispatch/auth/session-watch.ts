/*
 * Learns within half a second which sessions were ended, in any process. Each process polls the database, which holds
 * the truth. So no message can be lost, and Redis may be away. A process that was paused polls before it trusts its
 * memory again.
 */
import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { FleetStore, Person, PersonState } from '../ports.js'

/** Each poll is one index look-up, which nearly always finds nothing. */
const ASK_EVERY_MS = 400
/**
 * How long cached states of people are trusted after the last successful poll. Ended sessions are promised to be
 * refused within a second. It is longer than two polls, so one slow answer does no harm.
 */
export const FRESH_FOR_MS = 900
/**
 * Each poll reaches back beyond the last one. An end becomes visible a moment after its own time, and a read that began
 * before it may be cached after it (for 5 s, people.ts).
 */
const OVERLAP_MS = 10_000

interface WatchParts {
  readonly fleet: Pick<FleetStore, 'endedWithin'>
  readonly log: DispatchLog
  /** May be called several times with the same people. */
  onEnded(people: readonly (Person & PersonState)[]): void
}

export class SessionWatch {
  readonly #parts: WatchParts
  readonly #asking: Periodic
  /** When the last successful poll began. Monotonic. */
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
    if (!this.#isDeaf) this.#parts.log.warn({ err: error }, 'ended sessions could not be read')
    this.#isDeaf = true
  }
}
