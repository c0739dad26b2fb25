/*
 * What a client has acknowledged on a socket is not pushed to it. Acknowledgements arrive by the thousand after an
 * offer, and the statement that records them ignores people without devices. A lost one costs one needless push, which
 * the app drops by its id. So nothing waits for them, and few are kept.
 */

import { Batcher, inThisTick } from '../../concurrency/batcher.js'
import type { DispatchLog } from '../parts.js'
import type { Acknowledgement, PushQueue } from '../ports.js'

const MAX_NOTED_AT_ONCE = 1_000
/** What the sockets of one process can receive during an outage of the database. */
const MAX_HELD = 50_000

export class Acknowledgements {
  readonly #batcher: Batcher<Acknowledgement>
  readonly #log: DispatchLog

  constructor(pushes: PushQueue, now: () => number, log: DispatchLog) {
    this.#log = log
    this.#batcher = new Batcher({
      maxBatch: MAX_NOTED_AT_ONCE,
      begin: inThisTick,
      work: batch => pushes.acknowledge(batch, now()),
    })
  }

  /** Returns at once. */
  note(acknowledgement: Acknowledgement): void {
    if (this.#batcher.size >= MAX_HELD) return
    this.#batcher
      .add(acknowledgement)
      .catch(error =>
        this.#log.warn({ err: error, ...acknowledgement }, 'an acknowledgement could not be stored'),
      )
  }

  idle(): Promise<void> {
    return this.#batcher.idle()
  }
}
