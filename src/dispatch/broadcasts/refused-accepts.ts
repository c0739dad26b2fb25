/*
 * Stores a transporter's refused accepts for its list of answers. A refusal changes nothing, so no caller waits for the
 * write: one statement writes many refusals. A process that dies loses those of the last moments. In return, a crowd of
 * accepts is refused without any load on the database.
 */
import { v7 as uuidv7 } from 'uuid'
import { afterPause, Batcher } from '../../concurrency/batcher.js'
import type { DispatchLog } from '../parts.js'
import type { AnswerStore, RefusedAccept } from '../ports.js'
import type { ProblemCode } from '../problems.js'
import { acceptRefusals } from '../refusals.js'

const KEPT: ReadonlySet<ProblemCode> = new Set(acceptRefusals)
/** A crowd's refusals share a statement. A list that is read at once lacks the newest for a moment. */
const GATHER_MS = 200
/** Rows of one statement, which takes some milliseconds. */
const BATCH = 500
/** About 3 MB. With more, the database is away or hopelessly behind, and the newest refusals are dropped. */
const MAX_WAITING = 10_000

export class RefusedAccepts {
  readonly #log: DispatchLog
  readonly #batcher: Batcher<RefusedAccept>
  #isFull = false

  constructor(answers: AnswerStore, log: DispatchLog) {
    this.#log = log
    this.#batcher = new Batcher({
      maxBatch: BATCH,
      begin: afterPause(GATHER_MS),
      work: async batch => {
        await answers
          .addRefused(batch)
          .catch(error =>
            log.warn({ err: error, answers: batch.length }, 'refused accepts could not be stored'),
          )
        this.#isFull = false
      },
    })
  }

  /** Returns at once. */
  note(refused: Omit<RefusedAccept, 'id' | 'outcome'>, code: ProblemCode): void {
    if (!KEPT.has(code)) return
    if (this.#batcher.size < MAX_WAITING) {
      this.#batcher.add({ ...refused, id: uuidv7(), outcome: code })
      return
    }
    if (!this.#isFull) this.#log.warn({ waiting: MAX_WAITING }, 'refused accepts are dropped: too many wait')
    this.#isFull = true
  }

  /** Resolves when every noted refusal has been written or has failed. */
  idle(): Promise<void> {
    return this.#batcher.idle()
  }
}
