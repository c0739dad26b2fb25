/*
 * Fires due timers. A timer is leased by an UPDATE that commits at once, then goes through its instance's mailbox
 * like any event; the commit that applies it removes it, and is gated by its generation. If this process dies in
 * between, the lease runs out and another fires it. In memory is only what is being fired, and the next time to look.
 */
import type { Logger } from 'pino'
import type { Clock } from './clock.js'
import type { Faults } from './faults.js'
import { type Cancel, type Platform, processPlatform } from './platform.js'
import type { Store, StoredTimer } from './ports.js'
import type { Meter } from './telemetry.js'

/**
 * By how much a dead process delays what it was firing, beside the second until the others look. It need not outlast
 * the slowest commit: a commit is gated by the timer's generation, so one that is fired twice is applied once, and a
 * process does not fire again what it is still firing. It should outlast the usual one, or busy processes would do each
 * other's work over: all that one may have under way takes about half a second, and six times as long on a bad day.
 */
const TIMER_LEASE_MS = 3_000
/** One lease's worth: two full commits. */
const LEASE_BATCH = 1_000
/** Fired and not yet committed: bounds memory when a hundred thousand are overdue. */
const MAX_UNDER_WAY = 2_000
/** Others may have armed timers that we have not heard of: look at least this often. */
const LOOK_EVERY_MS = 1_000
/** A wake-up may come a little early: look again, but not in a tight loop. */
const SHORTEST_SLEEP_MS = 1

export interface TimerService {
  start(): void
  /** Says that a timer was armed which is due then. */
  noteDue(dueAt: number): void
  /** Leases no more; resolves when what was leased has been handed to its instances. */
  stop(): Promise<void>
  /** What this process has leased and not finished. */
  held(): readonly StoredTimer[]
}

export function createTimerService(options: {
  store: Store
  machines: readonly string[]
  clock: Clock
  /** Sends the timer's event to its instance; resolves when it is committed, void or failed. */
  fire: (timer: StoredTimer) => Promise<void>
  log: Logger
  platform?: Platform
  faults?: Faults | undefined
  meter?: Meter | undefined
}): TimerService {
  const { store, machines, clock, fire, log, platform = processPlatform, faults, meter } = options
  let running = false
  let wakeAt = Number.POSITIVE_INFINITY
  let alarm: Cancel | undefined
  let look: Promise<void> | undefined
  const underWay = new Map<string, StoredTimer>()

  function sleepUntil(time: number): void {
    if (!running || look !== undefined || (alarm !== undefined && time >= wakeAt)) return
    alarm?.()
    wakeAt = time
    const delayMs = Math.min(Math.max(time - clock.now(), SHORTEST_SLEEP_MS), LOOK_EVERY_MS)
    alarm = platform.after(delayMs, () => {
      alarm = undefined
      look = fireWhatIsDue().catch(error => log.error({ err: error }, 'due timers could not be leased'))
      look.finally(() => {
        look = undefined
        sleepUntil(nextLook())
      })
    })
  }

  let noted = Number.POSITIVE_INFINITY
  /** Processes that look at the same moment would only meet each other's leases: spread them. */
  const nextLook = () => Math.min(noted, clock.now() + LOOK_EVERY_MS * (0.75 + platform.random() * 0.25))

  async function fireWhatIsDue(): Promise<void> {
    while (running && underWay.size < MAX_UNDER_WAY) {
      noted = Number.POSITIVE_INFINITY
      const limit = Math.min(LEASE_BATCH, MAX_UNDER_WAY - underWay.size)
      const { timers, nextDueAt } = await store.leaseTimers(machines, limit, TIMER_LEASE_MS)
      if (faults !== undefined) await faults('timers.leased')
      for (const timer of timers) fireOnce(timer)
      if (timers.length < limit) {
        if (nextDueAt !== undefined) noted = Math.min(noted, nextDueAt)
        return
      }
    }
  }

  function fireOnce(timer: StoredTimer): void {
    const name = `${timer.instance} ${timer.generation} ${timer.sendId}`
    // Its lease ran out meanwhile, and we have got it again.
    if (underWay.has(name)) return
    underWay.set(name, timer)
    meter?.timerFired(timer.machine, clock.now() - timer.dueAt)
    fire(timer)
      .catch(error =>
        log.error({ err: error, instance: timer.instance }, 'a timer failed; its lease will run out'),
      )
      .finally(() => {
        underWay.delete(name)
        if (underWay.size === MAX_UNDER_WAY / 2) noteDue(clock.now())
      })
  }

  function noteDue(dueAt: number): void {
    noted = Math.min(noted, dueAt)
    sleepUntil(noted)
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
    },
    held: () => [...underWay.values()],
  }
}
