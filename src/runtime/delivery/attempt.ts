/* One attempt to deliver an event to a subscriber, and what follows if it fails. */
import type { Logger } from 'pino'
import { type Backoff, backoffMs } from '../../concurrency/backoff.js'
import type { Clock } from '../clock.js'
import type { Faults } from '../faults.js'
import { gathered } from '../gathered.js'
import type { Platform } from '../platform.js'
import type { Store } from '../ports.js'
import type { Meter, Tracer } from '../telemetry.js'
import type { DeliveryKey, EmittedEvent, Subscriber } from '../types.js'

/**
 * What is delivered later than this after it was recorded is marked late first. A client that was away reads from a few
 * seconds before the last event it saw; this and the lease must be shorter together than those seconds.
 */
const LATE_AFTER_MS = 5_000
/** About four minutes in all: longer than a restart, shorter than an offer is useful. */
const RETRIES: Backoff = { firstMs: 500, longestMs: 60_000 }
const MAX_ATTEMPTS = 10

export interface Attempt {
  readonly subscriber: Subscriber
  readonly event: EmittedEvent
  readonly key: DeliveryKey
  /** Counts from 1. */
  readonly attempts: number
  /** When the event was recorded, or marked late: the engine's time. */
  readonly since: number
  /** The era of history in which it was taken up. */
  readonly begunIn: number
}

export interface AttemptParts {
  readonly store: Store
  /** Awaited before anything is delivered: see `Membership.ensure`. */
  readonly ensure?: (() => Promise<void> | undefined) | undefined
  readonly log: Logger
  readonly clock: Clock
  readonly platform: Platform
  readonly faults?: Faults | undefined
  readonly meter?: Meter | undefined
  readonly tracer?: Tracer | undefined
  /** The present era: an attempt of an earlier one is not recorded. */
  readonly era: () => number
  readonly onDelivered: (key: DeliveryKey) => void
}

/** Returns a function that makes one attempt. It never rejects: a failure is postponed, or a dead letter. */
export function createAttempts(parts: AttemptParts): (attempt: Attempt) => Promise<void> {
  const { store, ensure, log, clock, platform, faults, meter, tracer, era, onDelivered } = parts
  const markLate = gathered(
    ({ instance, version, index }: DeliveryKey) => `${instance} ${version} ${index}`,
    async keys => {
      await store.markLate(keys)
      return keys
    },
    platform,
  )

  async function postpone(key: DeliveryKey, attempts: number, error: unknown): Promise<void> {
    meter?.deliveryFailed(key.subscriber, attempts >= MAX_ATTEMPTS)
    if (attempts >= MAX_ATTEMPTS) {
      log.error({ err: error, ...key }, 'a delivery failed for the last time')
      await store.buryDelivery(key, attempts, String(error))
      return
    }
    const delayMs = backoffMs(RETRIES, attempts, platform.random)
    log.warn({ err: error, ...key, attempts, delayMs }, 'a delivery failed and will be tried again')
    await store.retryDelivery(key, attempts, delayMs)
  }

  return async ({ subscriber, event, key, attempts, since, begunIn }) => {
    if (begunIn !== era()) return
    const renewal = ensure?.()
    if (renewal !== undefined && !(await succeeds(renewal))) return // stays in the outbox for another process
    try {
      if (clock.now() - since > LATE_AFTER_MS) await markLate(key)
      if (faults !== undefined) await faults('delivery.before')
      await handle(tracer, subscriber, event, attempts)
      meter?.delivered(subscriber.name, clock.now() - event.at)
      if (faults !== undefined) await faults('delivery.after')
      if (begunIn === era()) onDelivered(key)
    } catch (error) {
      if (begunIn !== era()) return
      await postpone(key, attempts, error).catch(failure =>
        log.error({ err: failure, ...key }, 'a failed delivery could not be noted; its lease will run out'),
      )
    }
  }
}

/** Part of the trace that emitted the event, on whichever process; of none, where none is kept. */
async function handle(
  tracer: Tracer | undefined,
  subscriber: Subscriber,
  event: EmittedEvent,
  attempt: number,
): Promise<void> {
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

const succeeds = (work: Promise<void>) =>
  work.then(
    () => true,
    () => false,
  )
