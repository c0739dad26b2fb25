/*
 * Takes events for instances, decides them on the last committed snapshots, and commits the decisions of many instances
 * in one statement. While commits are in progress the next events gather, without an added delay. No event is answered
 * before the commit or read that its answer rests on. A process that dies has answered nothing that was not committed.
 */
import { OverloadedError, unavailable } from '../errors.js'
import type { WriteResult } from '../ports.js'
import type { Instance } from '../types.js'
import { answerConfirmed, isolatePoison } from './answering.js'
import { reportCommit } from './commit-report.js'
import { conclude } from './conclude.js'
import type { CommitterParts, Decided, DecidedWrite } from './decided.js'
import { type Evaluation, evaluate } from './evaluate.js'
import { CALLER_PATIENCE_MS, MAX_COMMITS_IN_FLIGHT, MAX_JOURNAL_ROWS, MIN_SHARE_ROWS } from './limits.js'
import type { Mailbox, Pending } from './mailbox.js'
import { Mailboxes } from './mailboxes.js'
import { readWhatIsMissing } from './reading.js'
import { createCommitSender, type SendCommit } from './resend.js'
import type { SnapshotCache } from './snapshot-cache.js'

export class Committer {
  readonly #parts: CommitterParts
  readonly #cache: SnapshotCache
  readonly #send: SendCommit
  readonly #mailboxes: Mailboxes
  #commitsInFlight = 0
  #isScheduled = false

  constructor(parts: CommitterParts) {
    this.#parts = parts
    this.#cache = parts.known.cache
    this.#send = createCommitSender(parts.store, parts.log, parts.platform)
    this.#mailboxes = new Mailboxes(parts.platform, () => this.#schedule())
  }

  /** Queues an event. Its `settle` or `fail` is called once. Throws `OverloadedError` if queues are full. */
  submit(id: string, pending: Pending): void {
    this.#mailboxes.push(id, pending)
  }

  /** Resolves when nothing waits and nothing is in progress. */
  idle(): Promise<void> {
    return this.#mailboxes.idle()
  }

  /** Runs after all callbacks of this tick, so that events that arrive together are committed together. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#parts.platform.soon(() => {
      this.#isScheduled = false
      this.#advance()
    })
  }

  #advance(): void {
    readWhatIsMissing(this.#parts, this.#mailboxes)
    while (this.#commitsInFlight < MAX_COMMITS_IN_FLIGHT) {
      const batch = this.#gather()
      if (batch.length === 0) break
      this.#commit(batch).catch(error =>
        this.#parts.log.error({ err: error }, 'a commit could not be settled'),
      )
    }
  }

  /**
   * Decides the waiting events of ready mailboxes, at most one commit's worth, and answers those that need no commit.
   */
  #gather(): DecidedWrite[] {
    const batch: DecidedWrite[] = []
    const keys = new Set<string>()
    let rows = 0
    const share = this.#share()
    for (const mailbox of [...this.#mailboxes.ready()]) {
      if (rows >= share) break
      const decided = this.#decideNext(mailbox)
      if (decided === undefined) continue
      const { evaluation, write } = decided
      // All parts of a statement see the database as it was before it: a key that another write of the same
      // commit takes or frees has to wait for the next one. So does a write that another one counts against its limits.
      const touched = [...write.claimsNeeded, ...write.claimsFreed, ...evaluation.fold.keys.keys()]
      if (write.limits.length > 0) touched.push(`limits of ${write.row.owner}`)
      if (touched.some(key => keys.has(key))) {
        mailbox.putBack(evaluation.decisions.map(({ pending }) => pending))
        continue
      }
      for (const key of touched) keys.add(key)
      rows += write.journal.length
      this.#mailboxes.hold(mailbox)
      batch.push(decided)
    }
    if (this.#mailboxes.hasReady) this.#schedule()
    return batch
  }

  /**
   * The rows of the next commit. With all waiting rows in one commit, this process would be idle while the database
   * writes, and the database while the next commit is decided: callers that are answered together come again together.
   */
  #share(): number {
    const share = Math.ceil(this.#mailboxes.waiting / MAX_COMMITS_IN_FLIGHT)
    return Math.min(MAX_JOURNAL_ROWS, Math.max(MIN_SHARE_ROWS, share))
  }

  /** Decides the next events of a ready mailbox. `undefined` if nothing is to be written now. */
  #decideNext(mailbox: Mailbox): DecidedWrite | undefined {
    const mailboxes = this.#mailboxes
    for (const pending of mailbox.takeOlderThan(this.#parts.platform.monotonicMs() - CALLER_PATIENCE_MS)) {
      mailboxes.settle(() => pending.fail(new OverloadedError('It took too long', 1)))
    }
    if (mailbox.length === 0) {
      mailboxes.release(mailbox)
      return undefined
    }
    const known = this.#cache.get(mailbox.id)
    if (known === undefined && !mailbox.isNew) return undefined // dropped from the cache meanwhile: read next turn
    const machine = known?.instance.machine ?? mailbox.firstMachine
    const decided = this.#decide(mailbox, known?.instance, machine)
    if (decided === undefined) return undefined
    const { evaluation, write } = decided
    if (write !== undefined) return { evaluation, write }
    mailboxes.hold(mailbox)
    answerConfirmed(this.#parts.store, mailboxes, evaluation, known?.confirmedAt ?? 0)
    return undefined
  }

  /** `undefined` when the definition throws where no event can be blamed: what comes of that is settled here. */
  #decide(mailbox: Mailbox, base: Instance | undefined, machine: string): Decided | undefined {
    let evaluation: Evaluation | undefined
    try {
      const writing = this.#parts.registry.writing(machine)
      const registered = base === undefined ? writing : writing.at(base.definitionVersion)
      evaluation = evaluate(mailbox, base, registered, this.#parts.context, writing)
      return { evaluation, write: evaluation.fold.toWrite() }
    } catch (error) {
      if (evaluation === undefined) {
        this.#mailboxes.failAll(mailbox, error)
        return undefined
      }
      const taken = evaluation.decisions.map(({ pending }) => pending)
      mailbox.putBack(isolatePoison(this.#mailboxes, mailbox, taken, error))
      this.#mailboxes.release(mailbox)
      return undefined
    }
  }

  async #commit(batch: readonly DecidedWrite[]): Promise<void> {
    this.#commitsInFlight++
    const { platform, context, faults } = this.#parts
    const sent = { startedAt: platform.monotonicMs(), sentAt: context.clock.now() }
    let results: readonly WriteResult[]
    try {
      if (faults !== undefined) await faults('commit.before')
      results = await this.#send(batch.map(({ write }) => write))
      if (faults !== undefined) await faults('commit.after')
    } catch (error) {
      this.#commitsInFlight--
      this.#failBatch(batch, unavailable(error))
      this.#schedule()
      return
    }
    this.#commitsInFlight--
    reportCommit(this.#parts, batch, results, sent.startedAt)
    for (const [i, decided] of batch.entries()) {
      const result = results[i]
      if (result !== undefined) conclude(this.#parts, this.#mailboxes, decided, result, sent)
    }
    this.#schedule()
  }

  /** It is unknown whether the batch was applied, so the next event must not be decided on the old snapshot. */
  #failBatch(batch: readonly DecidedWrite[], error: unknown): void {
    for (const { evaluation } of batch) {
      this.#cache.drop(evaluation.mailbox.id)
      for (const { pending } of evaluation.decisions) this.#mailboxes.settle(() => pending.fail(error))
      this.#mailboxes.failAll(evaluation.mailbox, error)
    }
  }
}
