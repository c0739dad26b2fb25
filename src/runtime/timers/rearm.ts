/*
 * Arms missing timers. Every delay of an active state has a timer, or a parked one that records why it does not fire. A
 * state whose timer was lost would be stuck for ever. Commits keep states and timers in step; this check covers rows that
 * were deleted by hand, by a defect, or by a process that remembered a lost history.
 */
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { Periodic } from '../../concurrency/periodic.js'
import type { Registry } from '../definitions/registry.js'
import { type Platform, processPlatform } from '../platform.js'
import type { Store, StoredTimer, TimersOfInstance } from '../ports.js'
import type { Meter } from '../telemetry.js'
import { createMissingTimers, upTo } from './missing-timers.js'

/**
 * How often one process of the cluster checks. A stuck request that holds claims is found within this time. A turn is a few
 * statements that read some thousand small values.
 */
const CHECK_EVERY_MS = 10_000
/** Delayed raises are found only by replaying a journal: this many instances a turn, each once for each version. */
const MAX_REPLAYED = 50
/** About a megabyte. */
const MAX_CHECKED_KEPT = 10_000
/** Replaying is synchronous, so a longer journal is replayed only if a timer is known to be missing. */
const MAX_REPLAYED_VERSION = 200

export interface Rearm {
  start(): void
  stop(): Promise<void>
  /** Checks one instance now. Returns how many timers it has armed. */
  check(instance: string): Promise<number>
}

export function createRearm(options: {
  readonly store: Store
  readonly registry: Registry
  /** Awaited before a turn is taken: see `Membership.ensure`. */
  readonly ensure?: () => Promise<void> | undefined
  readonly log: Logger
  readonly platform?: Platform
  readonly meter?: Meter | undefined
  /** Called for each timer that was armed. */
  readonly onArmed: (timer: StoredTimer) => void
}): Rearm {
  const { store, registry, ensure, log, platform = processPlatform, meter, onArmed } = options
  const { lacksDelay, missing } = createMissingTimers({ store, registry, log })
  /** Instance → the version whose journal was replayed and found complete. */
  const checked = new LRUCache<string, number>(upTo(MAX_CHECKED_KEPT))

  async function heal(one: TimersOfInstance): Promise<number> {
    const timers = await missing(one)
    const { instance, machine, version } = one
    const count = timers.length === 0 ? 0 : await store.armTimers(instance, version, timers)
    if (count === 0) {
      checked.set(instance, version)
      return 0
    }
    meter?.timersRearmed(machine, count)
    const sendIds = timers.map(({ sendId }) => sendId)
    log.error({ instance, machine, version, sendIds }, 'timers were missing and have been armed again')
    for (const timer of timers) onArmed(timer)
    return count
  }

  async function checkNext(): Promise<void> {
    await ensure?.()
    const turn = await store.instancesToCheck(CHECK_EVERY_MS)
    if (turn === undefined) return
    const suspect: TimersOfInstance[] = []
    const unread: TimersOfInstance[] = []
    for (const one of await store.timersOf(turn.ids, registry.known)) {
      if (trying(one, () => lacksDelay(one))) suspect.push(one)
      else if (one.version <= MAX_REPLAYED_VERSION && checked.get(one.instance) !== one.version)
        unread.push(one)
    }
    for (const one of [...suspect, ...drawn(unread, MAX_REPLAYED)]) {
      if (!checking.isStarted) return // the next turn has this page again
      await heal(one).catch(error => noteFailure(one, error))
    }
    await store.instancesChecked(turn.next)
  }

  /** One instance that no definition here understands must not keep the check from the others. */
  function trying(one: TimersOfInstance, work: () => boolean): boolean {
    try {
      return work()
    } catch (error) {
      noteFailure(one, error)
      return false
    }
  }

  function noteFailure({ instance, machine, version }: TimersOfInstance, error: unknown): void {
    log.error({ err: error, instance, machine, version }, 'the timers of an instance could not be checked')
  }

  /** So many of them by chance, so that each has its turn in the end. */
  function drawn<T>(all: readonly T[], most: number): T[] {
    const from = Math.floor(platform.random() * all.length)
    return [...all.slice(from), ...all.slice(0, from)].slice(0, most)
  }

  const checking = new Periodic({
    // Jitter, so that processes do not all ask for the same turn.
    everyMs: () => CHECK_EVERY_MS * (0.5 + platform.random() / 2),
    work: checkNext,
    onFailure: error => log.warn({ err: error }, 'timers could not be checked; trying again'),
    alarms: platform,
  })

  return {
    start: () => checking.start(),
    stop: () => checking.stop(),
    async check(instance) {
      const [found] = await store.timersOf([instance], registry.known)
      return found === undefined ? 0 : heal(found)
    },
  }
}
