/*
 * Sends what is due, in batches. Any number of processes may: each leases what it sends, and all keep to one pace.
 * A process that dies between sending and noting it has its batch sent again when the lease has run out, under the
 * same ids. Nothing is leased while nothing could be sent, so that an outage of FCM's sign-in costs no attempts.
 */
import type { DispatchLog } from '../parts.js'
import type { LeasedPush, ProductMeter, PushQueue, PushResult, PushSender, PushSettlement } from '../ports.js'
import { pushMessage } from './message.js'

/** A push comes so much later than it is due, at worst and when there is little to send. */
const LOOK_EVERY_MS = 300
/** Batches under way: one that hangs for as long as a sender may take leaves others. */
const MAX_UNDER_WAY = 4
/**
 * Longer than a sender's slowest batch (10 s until the last is begun, 10 s for its answer): another process sends again
 * what takes longer.
 */
const LEASE_MS = 30_000
/** Half of what FCM grants a project (600,000 a minute): the rest is for what else the project sends. */
const PUSHES_PER_SECOND = 5_000
/** A second, doubling up to a minute, give or take a quarter: 24 attempts are some 19 minutes. */
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
const MAX_ATTEMPTS = 24
/** An answer that asks for more is a mistake, and the next batch will ask again. */
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
  readonly #underWay = new Set<Promise<void>>()
  readonly #counts = { sent: 0, retried: 0, dead: 0, unregistered: 0 }
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isRunning = false
  /** Failed looks in a row. */
  #failures = 0

  constructor(options: PushWorkerOptions) {
    this.#options = options
  }

  /** Since the process started. */
  get counts(): PushCounts {
    return { ...this.#counts }
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#lookLater(LOOK_EVERY_MS)
  }

  /** Waits for what is being sent; what is due stays for others. */
  async stop(): Promise<void> {
    this.#isRunning = false
    clearTimeout(this.#timer)
    await this.#looking
    await Promise.all(this.#underWay)
  }

  /** Takes one batch and sends it. Answers how many pushes were in it. */
  async turn(): Promise<number> {
    const { sender } = this.#options
    await sender.prepare()
    const { batch, leasedAt } = await this.#lease()
    if (batch.length > 0) await this.#send(batch, leasedAt)
    return batch.length
  }

  #lookLater(afterMs: number): void {
    if (!this.#isRunning) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .then(
          () => this.#lookSucceeded(),
          error => this.#lookFailed(error),
        )
        .then(waitMs => this.#lookLater(waitMs))
    }, afterMs * jitter())
  }

  /** Takes batches until nothing is due, or enough are under way. */
  async #look(): Promise<void> {
    const { sender } = this.#options
    await sender.prepare()
    while (this.#isRunning && this.#underWay.size < MAX_UNDER_WAY) {
      const { batch, leasedAt } = await this.#lease()
      if (batch.length === 0) return
      const work: Promise<void> = this.#send(batch, leasedAt)
        .catch(error => this.#options.log.warn({ err: error }, 'it could not be noted what became of pushes'))
        .finally(() => this.#underWay.delete(work))
      this.#underWay.add(work)
    }
  }

  #lookSucceeded(): number {
    if (this.#failures > 0) this.#options.log.warn({ failures: this.#failures }, 'push works again')
    this.#failures = 0
    return LOOK_EVERY_MS
  }

  #lookFailed(error: unknown): number {
    this.#failures += 1
    if (this.#failures === 1) {
      this.#options.log.error({ err: error }, 'push does not work; what is to be pushed is kept')
    }
    return retryDelayMs(this.#failures)
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
      log.warn({ pauseMs }, 'push was told to wait')
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
      const delayMs = Math.max(
        retryDelayMs(attempts) * jitter(),
        Math.min(result.notBeforeMs ?? 0, MAX_PAUSE_MS),
      )
      return { ...key, kind: 'retry', dueAt: now + delayMs, error: result.error }
    }
  }
}

const retryDelayMs = (failures: number) => Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS)
/** So that what failed together does not come back together. */
const jitter = () => 0.75 + Math.random() / 2
const failedWith = (error: unknown): PushResult => ({ kind: 'failed', error: String(error) })
