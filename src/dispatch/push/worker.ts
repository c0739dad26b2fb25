/*
 * Sends due pushes in batches. Several processes may run it: each leases what it sends, and all share one pace. If a
 * process dies between sending a batch and settling it, the batch is sent again under the same ids when the lease has
 * expired. Nothing is leased while nothing can be sent, so an outage of FCM's sign-in costs no attempts.
 */
import { type Backoff, backoffMs } from '../../concurrency/backoff.js'
import { Limit } from '../../concurrency/limit.js'
import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { LeasedPush, ProductMeter, PushQueue, PushResult, PushSender, PushSettlement } from '../ports.js'
import { pushMessage } from './message.js'

/** How much later than due a push comes, at worst, when there is little to send. */
const LOOK_EVERY_MS = 300
/** Keeps processes from polling at the same time. */
const LOOKS: Backoff = { firstMs: LOOK_EVERY_MS, longestMs: LOOK_EVERY_MS }
/** Batches in progress. One that hangs for as long as a sender may take leaves room for others. */
const MAX_UNDER_WAY = 4
/**
 * Longer than a sender's slowest batch (10 s until the last message is begun, 10 s for its answer). If a batch takes
 * longer, another process sends it again.
 */
const LEASE_MS = 30_000
/** Half of FCM's limit for a project (600,000 a minute). The rest is for other uses of the project. */
const PUSHES_PER_SECOND = 5_000
/** From a second, doubling to a minute, with a quarter of jitter: 24 attempts take some 19 minutes. */
const RETRIES: Backoff = { firstMs: 1_000, longestMs: 60_000 }
const MAX_ATTEMPTS = 24
/** A longer pause is a mistake of the sender. The next batch may ask for a pause again. */
const MAX_PAUSE_MS = 3_600_000

export interface PushCounts {
  readonly sent: number
  readonly retried: number
  readonly dead: number
  readonly unregistered: number
}

export interface PushWorkerOptions {
  readonly pushes: PushQueue
  readonly sender: PushSender
  readonly now: () => number
  readonly log: DispatchLog
  readonly meter?: ProductMeter | undefined
}

export class PushWorker {
  readonly #options: PushWorkerOptions
  readonly #sending = new Limit(MAX_UNDER_WAY)
  readonly #looking: Periodic
  readonly #counts = { sent: 0, retried: 0, dead: 0, unregistered: 0 }
  /** Failed polls in a row. */
  #failures = 0

  constructor(options: PushWorkerOptions) {
    this.#options = options
    this.#looking = new Periodic({
      everyMs: () => (this.#failures === 0 ? backoffMs(LOOKS, 1) : backoffMs(RETRIES, this.#failures)),
      work: () => this.#look(),
      onFailure: error => this.#lookFailed(error),
      inBackground: false,
    })
  }

  /** Since the process started. */
  get counts(): PushCounts {
    return { ...this.#counts }
  }

  start(): void {
    this.#looking.start()
  }

  /** Waits for the batches in progress. Due pushes are left to other processes. */
  async stop(): Promise<void> {
    await this.#looking.stop()
    await this.#sending.idle()
  }

  /** Leases one batch and sends it. Returns how many pushes it had. */
  async turn(): Promise<number> {
    const { sender } = this.#options
    await sender.prepare()
    const { batch, leasedAt } = await this.#lease()
    if (batch.length > 0) await this.#send(batch, leasedAt)
    return batch.length
  }

  /** Leases batches until nothing is due, or enough are in progress. */
  async #look(): Promise<void> {
    const { sender, log } = this.#options
    await sender.prepare()
    while (this.#looking.isStarted && !this.#sending.isFull) {
      const { batch, leasedAt } = await this.#lease()
      if (batch.length === 0) break
      this.#sending
        .run(() => this.#send(batch, leasedAt))
        .catch(error => log.warn({ err: error }, 'the results of pushes could not be stored'))
    }
    if (this.#failures > 0) log.warn({ failures: this.#failures }, 'push works again')
    this.#failures = 0
  }

  #lookFailed(error: unknown): void {
    this.#failures += 1
    if (this.#failures > 1) return
    this.#options.log.error({ err: error }, 'push does not work; due pushes are kept')
  }

  async #lease() {
    const { pushes, sender, now } = this.#options
    const leasedAt = now()
    const batch = await pushes.lease({
      now: leasedAt,
      limit: sender.maxBatch,
      leaseMs: LEASE_MS,
      perSecond: PUSHES_PER_SECOND,
    })
    return { batch, leasedAt }
  }

  async #send(batch: readonly LeasedPush[], leasedAt: number): Promise<void> {
    const { pushes, sender, now, log } = this.#options
    const { results, pauseMs } = await sender
      .send(batch.map(push => pushMessage(push, leasedAt)))
      .catch((error: unknown) => ({ results: batch.map(() => failedWith(error)), pauseMs: undefined }))
    const at = now()
    if (pauseMs !== undefined) {
      log.warn({ pauseMs }, 'push pauses because the sender asked for it')
      await pushes.pause(at + Math.min(pauseMs, MAX_PAUSE_MS))
    }
    const settlements = batch.map((push, i) =>
      settle(push, results[i] ?? failedWith('The sender did not say'), at),
    )
    this.#count(settlements)
    await pushes.settle(settlements, { now: at, leasedAt })
  }

  #count(settlements: readonly PushSettlement[]): void {
    const failed = settlements.filter(one => one.kind === 'retry' || one.kind === 'dead')
    for (const { kind } of settlements) {
      const outcome = kind === 'retry' ? 'retried' : kind
      this.#counts[outcome] += 1
      this.#options.meter?.pushed(outcome, 1)
    }
    const [first] = failed
    if (first === undefined) return
    const { error } = first as { error: string }
    const dead = failed.filter(one => one.kind === 'dead').length
    this.#options.log.warn({ failed: failed.length, dead, of: settlements.length, error }, 'pushes failed')
  }
}

function settle(push: LeasedPush, result: PushResult, now: number): PushSettlement {
  const { envelopeId, deviceId } = push
  const key = { envelopeId, deviceId }
  const attempts = push.attempts + 1
  switch (result.kind) {
    case 'sent':
    case 'unregistered':
      return { ...key, kind: result.kind }
    case 'refused':
      return { ...key, kind: 'dead', error: result.error }
    case 'failed': {
      if (attempts >= MAX_ATTEMPTS) return { ...key, kind: 'dead', error: result.error }
      const delayMs = Math.max(backoffMs(RETRIES, attempts), Math.min(result.notBeforeMs ?? 0, MAX_PAUSE_MS))
      return { ...key, kind: 'retry', dueAt: now + delayMs, error: result.error }
    }
  }
}

const failedWith = (error: unknown): PushResult => ({ kind: 'failed', error: String(error) })
