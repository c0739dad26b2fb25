/*
 * Detects that the database has lost history that this process has seen. After a failover to an asynchronous standby, or a
 * restore, the last transactions may be gone, and no decision may rest on a memory of them. There are two signs: a read
 * shows less than was known before (snapshot-cache.ts), or the database's position is lower or on another timeline. The
 * first is exact for one instance; the second works even in a process that reads nothing.
 */
import type { Logger } from 'pino'
import { type Cancel, type Platform, processPlatform } from './platform.js'
import type { HistoryPosition, Store } from './ports.js'
import type { Meter } from './telemetry.js'

/** One short statement. Between two of them, reads and commits detect the loss for their own instances. */
const LOOK_EVERY_MS = 5_000

export interface Continuity {
  start(): void
  stop(): void
  /** The known history is gone. `evidence` is logged. */
  noteLoss(evidence: object): void
}

export function createContinuity(options: {
  readonly store: Pick<Store, 'position'>
  readonly log: Logger
  readonly platform?: Platform
  readonly meter?: Meter | undefined
  /** Forgets everything derived from the lost history. */
  readonly onLoss: () => void
}): Continuity {
  const { store, log, platform = processPlatform, meter, onLoss } = options
  let latest: HistoryPosition | undefined
  let cancel: Cancel = () => {}
  let isRunning = false

  function noteLoss(evidence: object): void {
    log.error(
      evidence,
      'the database lost transactions that it had shown; forgetting everything known about it',
    )
    meter?.historyLost()
    onLoss()
  }

  async function look(): Promise<void> {
    const position = await store.position()
    if (position === undefined) return
    const before = latest
    latest = position
    if (before === undefined) return
    if (position.history !== before.history || position.offset < before.offset) {
      noteLoss({ before, after: position })
    }
  }

  function lookLater(): void {
    if (!isRunning) return
    const lookAgain = () => {
      look()
        .catch(error => log.debug({ err: error }, "the database's position could not be read"))
        .finally(lookLater)
    }
    cancel = platform.after(LOOK_EVERY_MS, lookAgain, { inBackground: true })
  }

  return {
    start() {
      isRunning = true
      look().catch(error => log.debug({ err: error }, "the database's position could not be read"))
      lookLater()
    },
    stop() {
      isRunning = false
      cancel()
    },
    noteLoss,
  }
}
