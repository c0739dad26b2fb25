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

export interface TimerService {
  start(): void
  /** Says that a timer was armed which is due then. */
  noteDue(dueAt: number): void
  /** Leases no more; resolves when what was leased has been handed to its instances: at most `LOOK_AHEAD_MS` later. */
  stop(): Promise<void>
  /** What this process has leased and not finished. */
  held(): readonly StoredTimer[]
}

export function createTimerService(options: {
  store: Store
  /** Timers of other versions are left to processes that know them. */
  known: readonly KnownVersion[]
  clock: Clock
  /** Sends the timer's event to its instance; resolves when it is committed, void or failed. */
  fire: (timer: StoredTimer) => Promise<void>
  /** Awaited before timers are leased: see `Membership.ensure`. */
  ensure?: () => Promise<void> | undefined
  /** Makes ready for timers of these instances, which are about to be fired. */
  prepare?: (instances: readonly string[]) => void
  log: Logger
  platform?: Platform
  faults?: Faults | undefined
  meter?: Meter | undefined
}): TimerService {
  const {
    store,
    known,
    clock,
    fire,
    ensure,
    prepare,
    log,
    platform = processPlatform,
    faults,
    meter,
  } = options
  let running = false
  let wakeAt = Number.POSITIVE_INFINITY
  let alarm: Cancel | undefined
  let look: Promise<void> | undefined
  const leased = new LeasedTimers({
    clock,
    fire,
    prepare,
    log,
    platform,
    meter,
    onRoom: () => noteDue(clock.now()),
  })

  function sleepUntil(time: number): void {
    if (!running || look !== undefined || (alarm !== undefined && time >= wakeAt)) return
    alarm?.()
    wakeAt = time
    alarm = platform.after(Math.min(delayUntil(time, clock), LOOK_EVERY_MS), () => {
      alarm = undefined
      look = leaseWhatIsNear().catch(error => log.error({ err: error }, 'due timers could not be leased'))
      look.finally(() => {
        look = undefined
        sleepUntil(nextLook())
      })
    })
  }

  let noted = Number.POSITIVE_INFINITY
  /** Processes that look at the same moment would only meet each other's leases: spread them. */
  const nextLook = () =>
    Math.min(noted - LOOK_BEFORE_MS, clock.now() + LOOK_EVERY_MS * (0.75 + platform.random() * 0.25))

  async function leaseWhatIsNear(): Promise<void> {
    while (running && leased.size < MAX_UNDER_WAY) {
      noted = Number.POSITIVE_INFINITY
      const limit = Math.min(LEASE_BATCH, MAX_UNDER_WAY - leased.size)
      await ensure?.()
      const lease = await store.leaseTimers(known, {
        limit,
        leaseMs: TIMER_LEASE_MS,
        aheadMs: LOOK_AHEAD_MS,
      })
      if (faults !== undefined) await faults('timers.leased')
      leased.take(lease.timers)
      if (lease.timers.length < limit) {
        if (lease.nextDueAt !== undefined) noted = Math.min(noted, lease.nextDueAt)
        return
      }
    }
  }

  function noteDue(dueAt: number): void {
    noted = Math.min(noted, dueAt)
    sleepUntil(noted - LOOK_BEFORE_MS)
  }

  return {
    start() {
      running = true
      sleepUntil(clock.now())
    },
    noteDue,
    async stop() {
      running = false
      alarm?.()
      alarm = undefined
      await look
      await leased.noneIsEarly()
    },
    held: () => leased.held(),
  }
}
