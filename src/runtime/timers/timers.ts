/*
 * Fires due timers. A timer is leased by an UPDATE that commits at once, a moment before it is due; when it is, it goes
 * through its instance's mailbox like any event. The commit that applies it removes it, and is gated by its generation.
 * If this process dies in between, the lease runs out and another fires it. In memory is only what is being fired or due
 * in a moment, and the next time to look.
 */
import type { Logger } from 'pino'
import type { Clock } from '../clock.js'
import type { Faults } from '../faults.js'
import { type Cancel, type Platform, processPlatform } from '../platform.js'
import type { KnownVersion, Store, StoredTimer } from '../ports.js'
import type { Meter } from '../telemetry.js'
import { delayUntil, LeasedTimers, MAX_UNDER_WAY } from './leased-timers.js'

/**
 * By how much a dead process delays what it was firing, beside the second until the others look. It need not outlast
 * the slowest commit: a commit is gated by the timer's generation, so one that is fired twice is applied once, and a
 * process does not fire again what it is still firing. It should outlast the usual one, or busy processes would do each
 * other's work over: all that one may have under way takes about half a second, and six times as long on a bad day.
 */
const TIMER_LEASE_MS = 3_000
/**
 * So long before they are due are timers leased and their instances read: when they are, only the commit is left to do.
 * What a process that dies has leased is late by the lease, so no more than covers a slow look.
 */
const LOOK_AHEAD_MS = 100
/** Looks when the next timer is so near: half of what a look covers, so that many timers cost twenty looks a second. */
const LOOK_BEFORE_MS = LOOK_AHEAD_MS / 2
/** One lease's worth: two full commits. */
const LEASE_BATCH = 1_000
/** Others may have armed timers that we have not heard of: look at least this often. */
const LOOK_EVERY_MS = 1_000

export interface TimerServiceOptions {
  readonly store: Pick<Store, 'leaseTimers'>
  /** Timers of other versions are left to processes that know them. */
  readonly known: readonly KnownVersion[]
  readonly clock: Clock
  /** Sends the timer's event to its instance; resolves when it is committed, void or failed. */
  readonly fire: (timer: StoredTimer) => Promise<void>
  /** Awaited before timers are leased: see `Membership.ensure`. */
  readonly ensure?: () => Promise<void> | undefined
  /** Makes ready for timers of these instances, which are about to be fired. */
  readonly prepare?: (instances: readonly string[]) => void
  readonly log: Logger
  readonly platform?: Platform
  readonly faults?: Faults | undefined
  readonly meter?: Meter | undefined
}

export class TimerService {
  readonly #options: TimerServiceOptions
  readonly #platform: Platform
  readonly #leased: LeasedTimers
  #isRunning = false
  #wakeAt = Number.POSITIVE_INFINITY
  #alarm: Cancel | undefined
  #look: Promise<void> | undefined
  /** When the next timer is due, as far as this process knows. */
  #noted = Number.POSITIVE_INFINITY

  constructor(options: TimerServiceOptions) {
    const { clock, fire, prepare, log, platform = processPlatform, meter } = options
    this.#options = options
    this.#platform = platform
    this.#leased = new LeasedTimers({
      clock,
      fire,
      prepare,
      log,
      platform,
      meter,
      onRoom: () => this.noteDue(clock.now()),
    })
  }

  /** What this process has leased and not finished. */
  held(): readonly StoredTimer[] {
    return this.#leased.held()
  }

  start(): void {
    this.#isRunning = true
    this.#sleepUntil(this.#options.clock.now())
  }

  /** Says that a timer was armed which is due then. */
  noteDue(dueAt: number): void {
    this.#noted = Math.min(this.#noted, dueAt)
    this.#sleepUntil(this.#noted - LOOK_BEFORE_MS)
  }

  /** Leases no more; resolves when what was leased has been handed to its instances: at most `LOOK_AHEAD_MS` later. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#alarm?.()
    this.#alarm = undefined
    await this.#look
    await this.#leased.noneIsEarly()
  }

  #sleepUntil(time: number): void {
    if (!this.#isRunning || this.#look !== undefined) return
    if (this.#alarm !== undefined && time >= this.#wakeAt) return
    this.#alarm?.()
    this.#wakeAt = time
    const delayMs = Math.min(delayUntil(time, this.#options.clock), LOOK_EVERY_MS)
    this.#alarm = this.#platform.after(delayMs, () => {
      this.#alarm = undefined
      this.#look = this.#leaseWhatIsNear().catch(error =>
        this.#options.log.error({ err: error }, 'due timers could not be leased'),
      )
      this.#look.finally(() => {
        this.#look = undefined
        this.#sleepUntil(this.#nextLook())
      })
    })
  }

  /** Processes that look at the same moment would only meet each other's leases: spread them. */
  #nextLook(): number {
    const latest = this.#options.clock.now() + LOOK_EVERY_MS * (0.75 + this.#platform.random() * 0.25)
    return Math.min(this.#noted - LOOK_BEFORE_MS, latest)
  }

  async #leaseWhatIsNear(): Promise<void> {
    const { store, known, ensure, faults } = this.#options
    while (this.#isRunning && this.#leased.size < MAX_UNDER_WAY) {
      this.#noted = Number.POSITIVE_INFINITY
      const limit = Math.min(LEASE_BATCH, MAX_UNDER_WAY - this.#leased.size)
      await ensure?.()
      const lease = await store.leaseTimers(known, {
        limit,
        leaseMs: TIMER_LEASE_MS,
        aheadMs: LOOK_AHEAD_MS,
      })
      if (faults !== undefined) await faults('timers.leased')
      this.#leased.take(lease.timers)
      if (lease.timers.length < limit) {
        if (lease.nextDueAt !== undefined) this.#noted = Math.min(this.#noted, lease.nextDueAt)
        return
      }
    }
  }
}
