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
import { createMissingTimers, type MissingTimers, upTo } from './missing-timers.js'

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

export interface RearmOptions {
  readonly store: Store
  readonly registry: Registry
  /** Awaited before a turn is taken: see `Membership.ensure`. */
  readonly ensure?: () => Promise<void> | undefined
  readonly log: Logger
  readonly platform?: Platform
  readonly meter?: Meter | undefined
  /** Called for each timer that was armed. */
  readonly onArmed: (timer: StoredTimer) => void
}

export class Rearm {
  readonly #options: RearmOptions
  readonly #random: () => number
  readonly #missingTimers: MissingTimers
  /** Instance → the version whose journal was replayed and found complete. */
  readonly #complete = new LRUCache<string, number>(upTo(MAX_CHECKED_KEPT))
  readonly #checking: Periodic

  constructor(options: RearmOptions) {
    const { log, platform = processPlatform } = options
    this.#options = options
    this.#random = () => platform.random()
    this.#missingTimers = createMissingTimers(options)
    this.#checking = new Periodic({
      // Jitter, so that processes do not all ask for the same turn.
      everyMs: () => CHECK_EVERY_MS * (0.5 + platform.random() / 2),
      work: () => this.#checkNext(),
      onFailure: error => log.warn({ err: error }, 'timers could not be checked; trying again'),
      alarms: platform,
    })
  }

  start(): void {
    this.#checking.start()
  }

  stop(): Promise<void> {
    return this.#checking.stop()
  }

  /** Checks one instance now. Returns how many timers it has armed. */
  async check(instance: string): Promise<number> {
    const { store, registry } = this.#options
    const [found] = await store.timersOf([instance], registry.known)
    return found === undefined ? 0 : this.#heal(found)
  }

  async #checkNext(): Promise<void> {
    const { store, registry, ensure } = this.#options
    await ensure?.()
    const turn = await store.instancesToCheck(CHECK_EVERY_MS)
    if (turn === undefined) return
    const suspect: TimersOfInstance[] = []
    const unread: TimersOfInstance[] = []
    for (const one of await store.timersOf(turn.ids, registry.known)) {
      if (this.#lacksDelay(one)) suspect.push(one)
      else if (one.version <= MAX_REPLAYED_VERSION && this.#complete.get(one.instance) !== one.version)
        unread.push(one)
    }
    for (const one of [...suspect, ...this.#drawn(unread, MAX_REPLAYED)]) {
      if (!this.#checking.isStarted) return // the next turn has this page again
      await this.#heal(one).catch(error => this.#noteFailure(one, error))
    }
    await store.instancesChecked(turn.next)
  }

  async #heal(one: TimersOfInstance): Promise<number> {
    const { store, log, meter, onArmed } = this.#options
    const timers = await this.#missingTimers.missing(one)
    const { instance, machine, version } = one
    const count = timers.length === 0 ? 0 : await store.armTimers(instance, version, timers)
    if (count === 0) {
      this.#complete.set(instance, version)
      return 0
    }
    meter?.timersRearmed(machine, count)
    const sendIds = timers.map(({ sendId }) => sendId)
    log.error({ instance, machine, version, sendIds }, 'timers were missing and have been armed again')
    for (const timer of timers) onArmed(timer)
    return count
  }

  /** One instance that no definition here understands must not keep the check from the others. */
  #lacksDelay(one: TimersOfInstance): boolean {
    try {
      return this.#missingTimers.lacksDelay(one)
    } catch (error) {
      this.#noteFailure(one, error)
      return false
    }
  }

  #noteFailure({ instance, machine, version }: TimersOfInstance, error: unknown): void {
    const { log } = this.#options
    log.error({ err: error, instance, machine, version }, 'the timers of an instance could not be checked')
  }

  /** So many of them by chance, so that each has its turn in the end. */
  #drawn<T>(all: readonly T[], most: number): T[] {
    const from = Math.floor(this.#random() * all.length)
    return [...all.slice(from), ...all.slice(0, from)].slice(0, most)
  }
}
