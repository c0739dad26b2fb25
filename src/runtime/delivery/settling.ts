/* Removes the outbox rows of what was delivered, many in one statement. */
import type { Logger } from 'pino'
import type { Alarms } from '../../concurrency/alarms.js'
import { Batcher, whenFullOrAfter } from '../../concurrency/batcher.js'
import type { Store } from '../ports.js'
import type { DeliveryKey } from '../types.js'

/**
 * No caller waits for a removal. Far less than the lease: what a process that dies has not removed is delivered again, and
 * that should be little.
 */
const SETTLE_GATHER_MS = 50
/** Removals of one statement: the planner may choose a way that takes the square of it, 60 ms for a thousand (measured). */
const SETTLE_BATCH = 250

export function createSettling({
  store,
  log,
  platform,
}: {
  readonly store: Pick<Store, 'settleDeliveries'>
  readonly log: Logger
  readonly platform: Alarms
}): Batcher<DeliveryKey> {
  return new Batcher({
    maxBatch: SETTLE_BATCH,
    begin: whenFullOrAfter(SETTLE_GATHER_MS, platform),
    work: delivered =>
      store
        .settleDeliveries(delivered)
        .catch(error =>
          log.warn(
            { err: error, deliveries: delivered.length },
            'delivered events stay in the outbox and will come again',
          ),
        ),
  })
}
