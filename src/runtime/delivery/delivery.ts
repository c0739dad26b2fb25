/*
 * Tells subscribers of emitted events, at least once. After a commit the same process delivers from memory and
 * then removes the outbox rows in batches; what a dead or overloaded process left is taken over by lease.
 * Subscribers are isolated: each has lanes of its own, one for an instance, in which events go in order (or one for each
 * event, where order does not matter).
 */
import type { Logger } from 'pino'
import { SlabMap } from '../../concurrency/slab.js'
import type { Clock } from '../clock.js'
import type { FoldedEvent } from '../commit/fold.js'
import type { Faults } from '../faults.js'
import { gathered } from '../gathered.js'
import { type Cancel, type Platform, processPlatform, waitAtMost } from '../platform.js'
import type { DeliveryKey, KnownVersion, Store } from '../ports.js'
import type { Meter, Tracer } from '../telemetry.js'
import type { EmittedEvent, Subscriber } from '../types.js'

/** Longer than a subscriber's slowest handling; another process sends again what takes longer. */
export const DELIVERY_LEASE_MS = 5_000
/**
 * What is delivered later than this after it was recorded is marked late first. A client that was away reads from a few
 * seconds before the last event it saw; this and the lease must be shorter together than those seconds.
 */
const LATE_AFTER_MS = 5_000
/** How often leases that ran out are looked for. */
const SWEEP_EVERY_MS = 1_000
const SWEEP_BATCH = 500
/** How long the next batch waits for this one: a subscriber that hangs must not keep the others from theirs. */
const SWEEP_PATIENCE_MS = 500
/** Deliveries held in memory for one subscriber; more are left to the sweeper. */
const MAX_HELD = 20_000
/** Half a second, doubling, to about four minutes in all: longer than a restart, shorter than an offer is useful. */
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 60_000
const MAX_ATTEMPTS = 10
/**
 * Nobody waits for a removal. Far less than the lease: what a process that dies has not removed is delivered again, and
 * that should be little.
 */
const SETTLE_GATHER_MS = 50
/** Removals of one statement: the planner may choose a way that takes the square of it, 60 ms for a thousand (measured). */
const SETTLE_BATCH = 250

interface Attempt {
  readonly subscriber: Subscriber
  readonly event: EmittedEvent
  readonly key: DeliveryKey
  readonly attempts: number
  /** When the event was recorded, or marked late. */
  readonly since: number
  /** The era of history in which it was taken up. */
  readonly begunIn: number
}

export interface DeliveryService {
  /** Without `sweeps`, what others left is left to others still. */
  start(options?: { sweeps?: boolean }): void
  /** `since`: when they were recorded, or before. */
  deliver(events: readonly FoldedEvent[], since: number): void
  /** Leaves to others what others left. */
  stopSweeps(): void
  /** Waits for what is under way; what is not done by then is left to others. */
  stop(): Promise<void>
  /** What this process has yet to deliver. */
  held(): readonly DeliveryKey[]
  /**
   * The database has another history now. Deliveries in progress are finished but not recorded, since the same keys may
   * name other events.
   */
  forget(): void
}

export function createDeliveryService(options: {
  store: Store
  subscribers: readonly Subscriber[]
  /** Events of instances in other versions are left to processes that know them. */
  known: readonly KnownVersion[]
  /** Awaited before anything is delivered: see `Membership.ensure`. */
  ensure?: () => Promise<void> | undefined
  log: Logger
  /** The clock that events are stamped by. */
  clock: Clock
  platform?: Platform
  faults?: Faults | undefined
  meter?: Meter | undefined
  tracer?: Tracer | undefined
}): DeliveryService {
  const { store, known, ensure, log, clock, platform = processPlatform, faults, meter, tracer } = options
  const subscribers = new Map(options.subscribers.map(s => [s.name, s]))
  /** Tail of each lane. */
  const lanes = new SlabMap<Promise<void>>()
  /** What this process is about to deliver: the sweeper must not take it for abandoned. */
  const held = new SlabMap<DeliveryKey>()
  const heldBy = new Map<string, number>()
  const markLate = gathered(
    ({ instance, version, index }: DeliveryKey) => `${instance} ${version} ${index}`,
    async keys => {
      await store.markLate(keys)
      return keys
    },
    platform,
  )
  let delivered: DeliveryKey[] = []
  let settling: Promise<void> | undefined
  let cancelSettling: Cancel | undefined
  let cancelSweep: Cancel = () => {}
  let sweeping: Promise<void> | undefined
  /** What is left is settled by `stop` itself. */
  let isStopping = false
  let sweeps = false
  /** Incremented with each lost history. */
  let era = 0

  /** `since`: when it was recorded, or marked late. */
  function enqueue(subscriber: Subscriber, event: EmittedEvent, attempts: number, since: number): void {
    const key = {
      instance: event.instance,
      version: event.version,
      index: event.index,
      subscriber: subscriber.name,
    }
    const name = `${event.instance} ${event.version} ${event.index} ${subscriber.name}`
    const count = heldBy.get(subscriber.name) ?? 0
    if (held.has(name) || count >= MAX_HELD) return
    held.set(name, key)
    heldBy.set(subscriber.name, count + 1)
    const begunIn = era
    const laneName = subscriber.isUnordered ? name : `${subscriber.name} ${event.instance}`
    const lane = lanes.get(laneName)
    // An idle lane is served at once, in this very tick.
    const work = () => attempt({ subscriber, event, key, attempts: attempts + 1, since, begunIn })
    const tail = (lane === undefined ? work() : lane.then(work)).finally(() => {
      if (begunIn === era) {
        held.delete(name)
        heldBy.set(subscriber.name, (heldBy.get(subscriber.name) ?? 1) - 1)
      }
      if (lanes.get(laneName) === tail) lanes.delete(laneName)
    })
    lanes.set(laneName, tail)
  }

  async function attempt({ subscriber, event, key, attempts, since, begunIn }: Attempt): Promise<void> {
    if (begunIn !== era) return
    const renewal = ensure?.()
    if (renewal !== undefined && !(await succeeds(renewal))) return // stays in the outbox for another process
    try {
      if (clock.now() - since > LATE_AFTER_MS) await markLate(key)
      if (faults !== undefined) await faults('delivery.before')
      await handle(subscriber, event, attempts)
      meter?.delivered(subscriber.name, clock.now() - event.at)
      if (faults !== undefined) await faults('delivery.after')
      if (begunIn !== era) return
      delivered.push(key)
      settleSoon()
    } catch (error) {
      if (begunIn !== era) return
      await postpone(key, attempts, error).catch(failure =>
        log.error({ err: failure, ...key }, 'a failed delivery could not be noted; its lease will run out'),
      )
    }
  }

  /** Part of the trace that emitted the event, on whichever process; of none, where none is kept. */
  async function handle(subscriber: Subscriber, event: EmittedEvent, attempt: number): Promise<void> {
    if (tracer === undefined) return subscriber.handle(event, attempt)
    const { instance, version, type, trace } = event
    const attributes = { instance, version, event: type, attempt }
    const span =
      typeof trace === 'string'
        ? tracer.begin(`deliver ${subscriber.name}`, { parent: trace, attributes, kind: 'consumer' })
        : undefined
    try {
      await tracer.within(span, () => subscriber.handle(event, attempt))
      span?.end()
    } catch (error) {
      span?.end({}, error)
      throw error
    }
  }

  async function postpone(key: DeliveryKey, attempts: number, error: unknown): Promise<void> {
    meter?.deliveryFailed(key.subscriber, attempts >= MAX_ATTEMPTS)
    if (attempts >= MAX_ATTEMPTS) {
      log.error({ err: error, ...key }, 'a delivery failed for the last time')
      await store.buryDelivery(key, attempts, String(error))
      return
    }
    const delayMs =
      Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), MAX_RETRY_MS) * (0.75 + platform.random() / 2)
    log.warn({ err: error, ...key, attempts, delayMs }, 'a delivery failed and will be tried again')
    await store.retryDelivery(key, attempts, delayMs)
  }

  /** One removal at a time; what is delivered meanwhile goes with the next. */
  function settleSoon(): void {
    if (cancelSettling !== undefined || settling !== undefined) return
    cancelSettling = platform.after(SETTLE_GATHER_MS, () => {
      cancelSettling = undefined
      settling = settleDownTo(SETTLE_BATCH).finally(() => {
        settling = undefined
        if (delivered.length > 0 && !isStopping) settleSoon()
      })
    })
  }

  /** Removes what was delivered, and what is meanwhile until no more than so many are left. */
  async function settleDownTo(left: number): Promise<void> {
    do {
      const batch = delivered.slice(0, SETTLE_BATCH)
      delivered = delivered.slice(SETTLE_BATCH)
      try {
        await store.settleDeliveries(batch)
      } catch (error) {
        log.warn(
          { err: error, deliveries: batch.length },
          'delivered events stay in the outbox and will come again',
        )
      }
    } while (delivered.length > left)
  }

  async function sweep(): Promise<void> {
    for (;;) {
      await ensure?.()
      const leasedAt = clock.now()
      const names = [...subscribers.keys()]
      const leased = await store.leaseDeliveries(names, known, SWEEP_BATCH, DELIVERY_LEASE_MS)
      if (faults !== undefined) await faults('outbox.leased')
      for (const { event, subscriber: name, attempts } of leased) {
        const subscriber = subscribers.get(name)
        if (subscriber !== undefined) enqueue(subscriber, event, attempts, leasedAt)
      }
      if (leased.length < SWEEP_BATCH || !sweeps) return
      await waitAtMost(platform, SWEEP_PATIENCE_MS, Promise.all(lanes.values()))
    }
  }

  function sweepLater(): void {
    if (!sweeps) return
    cancelSweep = platform.after(SWEEP_EVERY_MS * (0.75 + platform.random() / 2), () => {
      sweeping = sweep()
        .catch(error => log.error({ err: error }, 'the outbox could not be swept'))
        .finally(sweepLater)
    })
  }

  function stopSweeps(): void {
    sweeps = false
    cancelSweep()
  }

  return {
    start({ sweeps: shallSweep = true } = {}) {
      sweeps = shallSweep
      sweepLater()
    },
    deliver(events, since) {
      for (const event of events) {
        for (const name of event.subscribers) {
          const subscriber = subscribers.get(name)
          if (subscriber !== undefined) enqueue(subscriber, event, 0, since)
        }
      }
    },
    stopSweeps,
    held: () => [...held.values()],
    forget() {
      era++
      for (const [name] of held) held.delete(name)
      heldBy.clear()
      delivered = []
    },
    async stop() {
      isStopping = true
      stopSweeps()
      await sweeping
      while (lanes.size > 0) await Promise.all(lanes.values())
      cancelSettling?.()
      await settling
      if (delivered.length > 0) await settleDownTo(0)
    },
  }
}

const succeeds = (work: Promise<void>) =>
  work.then(
    () => true,
    () => false,
  )
