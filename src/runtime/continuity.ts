/*
 * Checks whether the database still has the history that this process has seen. After a failover to an asynchronous
 * standby, or a restore, the last transactions may be gone. What a process remembers of them must then decide nothing.
 * There are two signs. A read shows less than was known before (snapshot-cache.ts), which is exact for one instance. Or
 * the database's position is lower, or on another timeline, as after any failover. A process that reads nothing notices
 * that too.
 */
import type { Logger } from 'pino'
import { Periodic } from '../concurrency/periodic.js'
import { type Platform, processPlatform } from './platform.js'
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
    const isSame = position.history === before.history
    if (isSame && position.offset < before.offset) noteLoss({ before, after: position })
    if (isSame) return
    // A failover may have lost nothing. If it has, the next reads and commits detect it.
    log.warn({ before, after: position }, 'the database has failed over; what was known of it is read again')
    onLoss()
  }

  const looking = new Periodic({
    everyMs: LOOK_EVERY_MS,
    work: look,
    onFailure: error => log.debug({ err: error }, "the database's position could not be read"),
    alarms: platform,
  })

  return {
    start: () => looking.start({ atOnce: true }),
    stop: () => void looking.stop(),
    noteLoss,
  }
}
