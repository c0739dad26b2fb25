/*
 * Who has got what on a socket is not to be pushed it. Acknowledgements come by the thousand after an offer, and
 * those of people without devices are forgotten by the statement that would note them. One that is lost means a push
 * too many, which an app drops by its id: so nobody waits for them, and few are ever held.
 */
import type { DispatchLog } from '../parts.js'
import type { Acknowledgement, PushQueue } from '../ports.js'
import { Gathering } from './gathering.js'

const MAX_NOTED_AT_ONCE = 1_000
/** What the sockets of one process can have been told in the time that the database may be away for. */
const MAX_HELD = 50_000

export class Acknowledgements {
  readonly #gathering: Gathering<Acknowledgement>
  readonly #log: DispatchLog

  constructor(pushes: PushQueue, now: () => number, log: DispatchLog) {
    this.#log = log
    this.#gathering = new Gathering(MAX_NOTED_AT_ONCE, batch => pushes.acknowledge(batch, now()))
  }

  /** Returns at once. */
  note(acknowledgement: Acknowledgement): void {
    if (this.#gathering.size >= MAX_HELD) return
    this.#gathering
      .add(acknowledgement)
      .catch(error =>
        this.#log.warn({ err: error, ...acknowledgement }, 'an acknowledgement could not be noted'),
      )
  }

  idle(): Promise<void> {
    return this.#gathering.idle()
  }
}
