/*
 * Tells subscribers of emitted events, at least once. After a commit the same process delivers from memory and
 * then removes the outbox rows in batches; what a dead or overloaded process left is taken over by lease.
 * Subscribers are isolated: a slow or failing one delays only its own lanes.
 */
import type { Logger } from 'pino'
import type { Clock } from '../clock.js'
import type { FoldedEvent } from '../commit/fold.js'
import type { Faults } from '../faults.js'
import { type Platform, processPlatform } from '../platform.js'
import type { KnownVersion, Store } from '../ports.js'
import type { Meter, Tracer } from '../telemetry.js'
import type { DeliveryKey, EmittedEvent, Subscriber } from '../types.js'
import { createAttempts } from './attempt.js'
import { Lanes } from './lanes.js'
import { createSettling } from './settling.js'
import { createSweeping } from './sweeping.js'

export interface DeliveryService {
  /** Without `sweeps`, deliveries that other processes left are not taken over. */
  start(options?: { sweeps?: boolean }): void
  /** `since`: when they were recorded, or before. */
  deliver(events: readonly FoldedEvent[], since: number): void
  /** Takes over no more deliveries. */
  stopSweeps(): void
  /** Resolves when all deliveries of this process are done. */
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
  const { platform = processPlatform, clock } = options
  const parts = { ...options, platform }
  const subscribers = new Map(options.subscribers.map(subscriber => [subscriber.name, subscriber]))
  const lanes = new Lanes()
  const settling = createSettling(parts)
  const attempt = createAttempts({
    ...parts,
    era: () => lanes.era,
    onDelivered: key => void settling.add(key),
  })
  const sweeping = createSweeping({
    ...parts,
    subscribers: [...subscribers.keys()],
    now: () => clock.now(),
    take(leased, leasedAt) {
      for (const { event, subscriber, attempts } of leased) enqueue(subscriber, event, attempts, leasedAt)
    },
    settled: () => lanes.settled(),
  })

  function enqueue(name: string, event: EmittedEvent, attempts: number, since: number): void {
    const subscriber = subscribers.get(name)
    if (subscriber === undefined) return
    lanes.add(subscriber, event, (key, begunIn) =>
      attempt({ subscriber, event, key, attempts: attempts + 1, since, begunIn }),
    )
  }

  return {
    start({ sweeps = true } = {}) {
      if (sweeps) sweeping.start()
    },
    deliver(events, since) {
      for (const event of events) for (const name of event.subscribers) enqueue(name, event, 0, since)
    },
    stopSweeps: () => void sweeping.stop(),
    held: () => lanes.held(),
    forget() {
      lanes.forget()
      settling.clear()
    },
    async stop() {
      await sweeping.stop()
      await lanes.idle()
      await settling.flush()
    },
  }
}
