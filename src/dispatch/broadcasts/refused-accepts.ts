/*
 * Keeps a transporter's refused accepts, for it to read later. A refusal changes nothing, so nobody waits for this to
 * be written: refusals gather, and one statement writes many. A process that dies loses those of the last moments,
 * which is the price for a crowd that is refused without costing the database anything while it races.
 */
import { v7 as uuidv7 } from 'uuid'
import type { DispatchLog } from '../parts.js'
import type { AnswerStore, RefusedAccept } from '../ports.js'
import type { ProblemCode } from '../problems.js'
import { acceptRefusals } from '../refusals.js'

const KEPT: ReadonlySet<ProblemCode> = new Set(acceptRefusals)
/** A crowd's refusals share a statement; who looks at its answers right away sees the last ones a moment later. */
const GATHER_MS = 200
/** Rows of one statement: some milliseconds. */
const BATCH = 500
/** About 3 MB. Beyond it the database is away or hopelessly behind, and the newest are not kept. */
const MAX_WAITING = 10_000

export class RefusedAccepts {
  readonly #answers: AnswerStore
  readonly #log: DispatchLog
  #waiting: RefusedAccept[] = []
  #writing: Promise<void> | undefined
  #isFull = false

  constructor(answers: AnswerStore, log: DispatchLog) {
    this.#answers = answers
    this.#log = log
  }

  /** Returns at once. */
  note(refused: Omit<RefusedAccept, 'id' | 'outcome'>, code: ProblemCode): void {
    if (!KEPT.has(code)) return
    if (this.#waiting.length >= MAX_WAITING) {
      if (!this.#isFull)
        this.#log.warn({ waiting: MAX_WAITING }, 'refused accepts are not kept: too many wait')
      this.#isFull = true
      return
    }
    this.#waiting.push({ ...refused, id: uuidv7(), outcome: code })
    this.#writing ??= this.#writeAll()
  }

  /** Resolves when everything noted has been written, or could not be. */
  async idle(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise(resolve => setTimeout(resolve, GATHER_MS))
      const batch = this.#waiting.splice(0, BATCH)
      await this.#answers
        .addRefused(batch)
        .catch(error =>
          this.#log.warn({ err: error, answers: batch.length }, 'refused accepts were not kept'),
        )
      this.#isFull = false
    }
    // In the same tick as the last look: whoever notes one after it begins anew.
    this.#writing = undefined
  }
}
