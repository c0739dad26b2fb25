/* The parts of an engine, and how they call one another. */
import type { Logger } from 'pino'
import { createClock, type SyncedClock } from './clock.js'
import { Committer } from './commit/committer.js'
import type { Committed } from './commit/decided.js'
import { KnownInstances } from './commit/known-instances.js'
import { type Continuity, createContinuity } from './continuity.js'
import { Membership } from './definitions/membership.js'
import { createRegistry, type Registry } from './definitions/registry.js'
import { createDeliveryService, type DeliveryService } from './delivery/delivery.js'
import type { EngineOptions } from './engine-options.js'
import type { DefinitionError } from './errors.js'
import { type Platform, processPlatform } from './platform.js'
import type { Store, StoredTimer, Wakeups } from './ports.js'
import { silentLog } from './silent-log.js'
import type { Meter, Tracer } from './telemetry.js'
import { createTimerFiring } from './timers/fire-timer.js'
import { Rearm } from './timers/rearm.js'
import { createTimerFailures } from './timers/timer-failures.js'
import { TimerService } from './timers/timers.js'
import type { Instance, TimerKey } from './types.js'

export interface Services {
  readonly store: Store
  readonly clock: SyncedClock
  readonly platform: Platform
  readonly log: Logger
  readonly meter: Meter | undefined
  readonly tracer: Tracer | undefined
  readonly wakeups: Wakeups | undefined
  readonly registry: Registry
  readonly membership: Membership
  readonly continuity: Continuity
  readonly known: KnownInstances
  readonly committer: Committer
  readonly delivery: DeliveryService
  readonly timers: TimerService
  readonly rearm: Rearm
  readonly dueTimers: DueTimers
  /** Fires a leased timer and counts its failure. Rejects only if the timer is not at fault; its lease runs out then. */
  readonly fire: (timer: StoredTimer) => Promise<void>
}

/** Tells that a timer is due: this process, where it fires timers, or the others. */
export class DueTimers {
  /** Whether this process fires timers now. */
  areFiredHere = false
  readonly #timers: () => TimerService
  readonly #wakeups: Wakeups | undefined

  constructor(timers: () => TimerService, wakeups: Wakeups | undefined) {
    this.#timers = timers
    this.#wakeups = wakeups
  }

  /** `dueAt`: the engine's time, milliseconds since the epoch. */
  note(dueAt: number): void {
    if (this.areFiredHere) this.#timers().noteDue(dueAt)
    else this.#wakeups?.announce(dueAt)
  }
}

/**
 * Makes the parts, none of them started. `onUnfit` is called once if this process can no longer serve. Throws
 * `DefinitionError` with all faults of the definitions.
 */
export function createServices(options: EngineOptions, onUnfit: (reason: DefinitionError) => void): Services {
  const { store, subscribers = [], clock = createClock(), log = silentLog } = options
  const { faults, wakeups, meter, tracer, platform = processPlatform } = options
  const registry = createRegistry(options.definitions)
  const membership = new Membership({ store, registry, log, platform, onUnfit })
  const shared = {
    store,
    clock,
    log,
    platform,
    faults,
    meter,
    tracer,
    registry,
    ensure: () => membership.ensure(),
  }
  const versions = registry.known
  const delivery = createDeliveryService({ ...shared, subscribers, known: versions })
  const continuity = createContinuity({ ...shared, onLoss: () => forgetHistory(services) })
  const known = new KnownInstances(registry, platform, rewind => continuity.noteLoss(rewind))
  const dueTimers = new DueTimers(() => timers, wakeups)
  const committer = new Committer({
    ...shared,
    known,
    context: { clock, uid: platform.uid, subscribers, spendTimer: createSpendTimer(store, log) },
    onCommitted({ sentAt, transition, events, timers: armed }: Committed) {
      if (transition !== undefined) options.observe?.(transition)
      for (const timer of armed) if (timer.parked === undefined) dueTimers.note(timer.dueAt)
      delivery.deliver(events, sentAt)
    },
  })
  const fireOnce = createTimerFiring({ ...shared, committer })
  const noteFailure = createTimerFailures(shared)
  const fire = (timer: StoredTimer) => fireOnce(timer).catch(error => noteFailure(timer, error))
  const prepare = createPrepare(known, store, log)
  const timers = new TimerService({ ...shared, known: versions, fire, prepare })
  const rearm = new Rearm({ ...shared, onArmed: ({ dueAt }) => dueTimers.note(dueAt) })
  const services = {
    ...shared,
    wakeups,
    membership,
    continuity,
    known,
    committer,
    delivery,
    timers,
    rearm,
    dueTimers,
    fire,
  }
  return services
}

/** Reads the instances of timers that are nearly due, so that only the commit is left to do. */
function createPrepare(known: KnownInstances, store: Store, log: Logger) {
  return (instances: readonly string[]): void => {
    known
      .readAhead(store, instances)
      .catch(error => log.warn({ err: error }, 'instances of timers that are nearly due could not be read'))
  }
}

/** Parks a timer that its machine ignored. */
function createSpendTimer(store: Store, log: Logger) {
  return (timer: TimerKey, ignoredBy: Instance): void => {
    store
      .spendTimer(timer, ignoredBy)
      .catch(error =>
        log.warn({ err: error, ...timer }, 'an ignored timer could not be parked; it will fire again'),
      )
  }
}

/** Discards everything derived from a history that the database has lost. */
function forgetHistory({ known, delivery, clock, store, log, timers, dueTimers }: Services): void {
  known.cache.clear()
  delivery.forget()
  clock
    .sync(() => store.now())
    .catch(error => log.warn({ err: error }, "the clock could not be set by the database's"))
  if (dueTimers.areFiredHere) timers.noteDue(clock.now())
}
