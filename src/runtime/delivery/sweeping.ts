/* Takes over, by lease, the deliveries that a dead or overloaded process left in the outbox. */
import type { Logger } from 'pino'
import { Periodic } from '../../concurrency/periodic.js'
import type { Faults } from '../faults.js'
import { type Platform, waitAtMost } from '../platform.js'
import type { KnownVersion, LeasedDelivery, Store } from '../ports.js'

/** Longer than a subscriber's slowest handling; another process sends again what takes longer. */
export const DELIVERY_LEASE_MS = 5_000
/** How often leases that ran out are looked for. */
const SWEEP_EVERY_MS = 1_000
const SWEEP_BATCH = 500
/** How long the next batch waits for this one: a subscriber that hangs must not keep the others from theirs. */
const SWEEP_PATIENCE_MS = 500

export function createSweeping(options: {
  readonly store: Pick<Store, 'leaseDeliveries'>
  /** Names of the subscribers of this process. */
  readonly subscribers: readonly string[]
  readonly known: readonly KnownVersion[]
  readonly ensure?: (() => Promise<void> | undefined) | undefined
  readonly log: Logger
  /** The engine's time. */
  readonly now: () => number
  readonly platform: Platform
  readonly faults?: Faults | undefined
  /** Takes up leased deliveries. `leasedAt`: the engine's time before the lease. */
  readonly take: (leased: readonly LeasedDelivery[], leasedAt: number) => void
  /** Resolves when all that was taken up has been delivered, or has failed. */
  readonly settled: () => Promise<void>
}): Periodic {
  const { store, subscribers, known, ensure, log, now, platform, faults, take, settled } = options

  async function sweep(): Promise<void> {
    for (;;) {
      await ensure?.()
      const leasedAt = now()
      const leased = await store.leaseDeliveries(subscribers, known, SWEEP_BATCH, DELIVERY_LEASE_MS)
      if (faults !== undefined) await faults('outbox.leased')
      take(leased, leasedAt)
      if (leased.length < SWEEP_BATCH || !sweeping.isStarted) return
      await waitAtMost(platform, SWEEP_PATIENCE_MS, settled())
    }
  }

  const sweeping = new Periodic({
    everyMs: () => SWEEP_EVERY_MS * (0.75 + platform.random() / 2),
    work: sweep,
    onFailure: error => log.error({ err: error }, 'the outbox could not be swept'),
    alarms: platform,
    inBackground: false,
  })
  return sweeping
}
