import { OverloadedError, UnknownInstanceError, unavailable } from '../errors.js'
import type { StoredInstance, WriteResult } from '../ports.js'
import { SlabMap } from '../slab.js'
import type { Instance } from '../types.js'
import { reportCommit } from './commit-report.js'
import type { CommitterParts, Decided, Sent, Turn } from './decided.js'
import { type Decision, type Evaluation, evaluate } from './evaluate.js'
import {
  BUSY_PAUSE_MS,
  CALLER_PATIENCE_MS,
  CROWD,
  MAX_ATTEMPTS,
  MAX_COMMITS_IN_FLIGHT,
  MAX_JOURNAL_ROWS,
  MAX_MAILBOX_LENGTH,
  MAX_QUEUE_AGE_MS,
  MAX_READ_IDS,
  MAX_WAITING,
  MIN_SHARE_ROWS,
} from './limits.js'
import { Mailbox, nameOfKey, type Pending } from './mailbox.js'
import { answersUnlessUsed } from './repeated-keys.js'
import { createCommitSender, type SendCommit } from './resend.js'
import type { SnapshotCache } from './snapshot-cache.js'

export class Committer {
  readonly #parts: CommitterParts
  readonly #cache: SnapshotCache
  readonly #send: SendCommit
  readonly #mailboxes = new SlabMap<Mailbox>()
  /** Mailboxes that wait for a turn, in order of arrival. While reading or committing, arrivals only queue up. */
  readonly #ready = new SlabMap<Mailbox>()
  readonly #mustRead = new Set<string>()
  #waiting = 0
  #commitsInFlight = 0
  /** Looks at idempotency keys that are under way. */
  #checking = 0
  #turnScheduled = false
  #whenIdle: (() => void)[] = []

  constructor(parts: CommitterParts) {
    this.#parts = parts
    this.#cache = parts.known.cache
    this.#send = createCommitSender(parts.store, parts.log, parts.platform)
  }

  /** Queues an event. Its `settle` or `fail` is called once; throws `OverloadedError` when queues are full. */
  submit(id: string, pending: Pending): void {
    let mailbox = this.#mailboxes.get(id)
    const isFull = this.#waiting >= MAX_WAITING || (mailbox?.length ?? 0) >= MAX_MAILBOX_LENGTH
    if (isFull || (pending.kind !== 'timer' && this.#isBehind())) {
      throw new OverloadedError('Too many events are waiting', 1)
    }
    if (mailbox === undefined) {
      mailbox = new Mailbox(id, MAX_JOURNAL_ROWS)
      this.#mailboxes.set(id, mailbox)
      this.#ready.set(mailbox.id, mailbox)
    }
    mailbox.push(pending)
    this.#waiting++
    this.#schedule()
  }

  #isBehind(): boolean {
    if (this.#waiting <= CROWD) return false
    const since = this.#ready.values().next().value?.waitsSince
    return since !== undefined && this.#parts.platform.monotonicMs() - since > MAX_QUEUE_AGE_MS
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    if (this.#mailboxes.size === 0 && this.#checking === 0) return
    await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  /** After all callbacks of this tick, so that what arrives together goes together. */
  #schedule(): void {
    if (this.#turnScheduled) return
    this.#turnScheduled = true
    this.#parts.platform.soon(() => {
      this.#turnScheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    this.#readWhatIsMissing()
    while (this.#commitsInFlight < MAX_COMMITS_IN_FLIGHT) {
      const turns = this.#gather()
      if (turns.length === 0) break
      this.#commit(turns).catch(error =>
        this.#parts.log.error({ err: error }, 'a commit could not be settled'),
      )
    }
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────

  #readWhatIsMissing(): void {
    const missing: Mailbox[] = []
    for (const mailbox of this.#ready.values()) {
      const isKnown = this.#cache.get(mailbox.id) !== undefined && !this.#mustRead.has(mailbox.id)
      if (mailbox.isNew || (isKnown && !mailbox.mustReadTimers)) continue
      this.#mustRead.delete(mailbox.id)
      missing.push(mailbox)
    }
    for (const mailbox of missing) this.#ready.delete(mailbox.id)
    for (let i = 0; i < missing.length; i += MAX_READ_IDS) {
      this.#read(missing.slice(i, i + MAX_READ_IDS)).catch(error =>
        this.#parts.log.error({ err: error }, 'a read could not be settled'),
      )
    }
  }

  async #read(mailboxes: readonly Mailbox[]): Promise<void> {
    const startedAt = this.#parts.platform.monotonicMs()
    const found = new Map<string, StoredInstance>()
    try {
      if (this.#parts.faults !== undefined) await this.#parts.faults('read.before')
      for (const row of await this.#parts.store.load(mailboxes.map(m => m.id))) found.set(row.id, row)
      const inDoubt = mailboxes.filter(mailbox => mailbox.mustReadTimers)
      await Promise.all(inDoubt.map(async m => m.noteDue(await this.#parts.store.dueTimers(m.id))))
      if (this.#parts.faults !== undefined) await this.#parts.faults('read.after')
    } catch (error) {
      for (const mailbox of mailboxes) this.#failAll(mailbox, unavailable(error))
      return
    }
    for (const mailbox of mailboxes) {
      const row = found.get(mailbox.id)
      try {
        if (row === undefined) throw new UnknownInstanceError(mailbox.id)
        this.#parts.known.noteRead(row, startedAt)
        this.#release(mailbox)
      } catch (error) {
        this.#failAll(mailbox, error)
      }
    }
  }

  // ── deciding ───────────────────────────────────────────────────────────────────────────────────────────

  /** Decides what waits in the ready mailboxes, up to one commit's worth, and answers what needs no commit. */
  #gather(): Turn[] {
    const turns: Turn[] = []
    const keys = new Set<string>()
    let rows = 0
    const share = this.#share()
    for (const mailbox of [...this.#ready.values()]) {
      if (rows >= share) break
      for (const pending of mailbox.takeOlderThan(this.#parts.platform.monotonicMs() - CALLER_PATIENCE_MS)) {
        this.#settle(() => pending.fail(new OverloadedError('It took too long', 1)))
      }
      if (mailbox.length === 0) {
        this.#release(mailbox)
        continue
      }
      const known = this.#cache.get(mailbox.id)
      if (known === undefined && !mailbox.isNew) continue // dropped from the cache meanwhile: read next turn
      const machine = known?.instance.machine ?? mailbox.firstMachine
      const turn = this.#decide(mailbox, known?.instance, machine)
      if (turn === undefined) continue
      const { evaluation, write } = turn
      if (write === undefined) {
        this.#ready.delete(mailbox.id)
        this.#answerConfirmed(evaluation, known?.confirmedAt ?? 0)
        continue
      }
      // All parts of a statement see the database as it was before it: a key that another write of the same
      // commit takes or frees has to wait for the next one.
      const touched = [...write.claimsNeeded, ...write.claimsFreed, ...evaluation.fold.keys.keys()]
      if (touched.some(key => keys.has(key))) {
        mailbox.putBack(evaluation.decisions.map(d => d.pending))
        continue
      }
      for (const key of touched) keys.add(key)
      rows += write.journal.length
      this.#ready.delete(mailbox.id)
      turns.push({ evaluation, write })
    }
    if (this.#ready.size > 0) this.#schedule()
    return turns
  }

  /**
   * Rows of the next commit. All that waits in one would leave this process idle while the database writes, and the
   * database idle while the next is decided: a crowd that is answered at once comes again at once.
   */
  #share(): number {
    const share = Math.ceil(this.#waiting / MAX_COMMITS_IN_FLIGHT)
    return Math.min(MAX_JOURNAL_ROWS, Math.max(MIN_SHARE_ROWS, share))
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
        this.#failAll(mailbox, error)
        return undefined
      }
      const taken = evaluation.decisions.map(d => d.pending)
      mailbox.putBack(this.#withoutTheGuilty(mailbox, taken, error))
      this.#release(mailbox)
      return undefined
    }
  }

  /** Nothing is to be written: what rests on a younger read or commit is answered, the rest waits for a read. */
  #answerConfirmed({ mailbox, decisions }: Evaluation, confirmedAt: number): void {
    const unconfirmed: Pending[] = []
    const confirmed: Decision[] = []
    for (const decision of decisions) {
      const { pending, isFact } = decision
      if (isFact || pending.arrivedAt <= confirmedAt || pending.kind === 'create') confirmed.push(decision)
      else unconfirmed.push(pending)
    }
    this.#answerAll(confirmed)
    if (unconfirmed.length > 0) {
      mailbox.putBack(unconfirmed)
      this.#mustRead.add(mailbox.id)
    }
    this.#release(mailbox)
  }

  // ── committing ─────────────────────────────────────────────────────────────────────────────────────────

  async #commit(turns: readonly Turn[]): Promise<void> {
    this.#commitsInFlight++
    const startedAt = this.#parts.platform.monotonicMs()
    const sentAt = this.#parts.context.clock.now()
    let results: readonly WriteResult[]
    try {
      if (this.#parts.faults !== undefined) await this.#parts.faults('commit.before')
      results = await this.#send(turns.map(turn => turn.write))
      if (this.#parts.faults !== undefined) await this.#parts.faults('commit.after')
    } catch (error) {
      this.#commitsInFlight--
      for (const { evaluation } of turns) {
        // Whether it was applied is not known: the next event must not be decided on what we believe.
        this.#cache.drop(evaluation.mailbox.id)
        for (const { pending } of evaluation.decisions) this.#settle(() => pending.fail(unavailable(error)))
        this.#failAll(evaluation.mailbox, unavailable(error))
      }
      this.#schedule()
      return
    }
    this.#commitsInFlight--
    reportCommit(this.#parts, turns, results, startedAt)
    for (const [i, turn] of turns.entries()) {
      const result = results[i]
      if (result !== undefined) this.#conclude(turn, result, { startedAt, sentAt })
    }
    this.#schedule()
  }

  #conclude({ evaluation, write }: Turn, result: WriteResult, { startedAt, sentAt }: Sent): void {
    const { mailbox, fold, decisions } = evaluation
    if (result.kind === 'moved') {
      if (fold.current !== undefined) this.#cache.note(fold.current, startedAt, fold.snapshotBytes)
      for (const voided of mailbox.hasMoved(write)) this.#settle(() => voided.settle())
      mailbox.burstLimit = MAX_JOURNAL_ROWS
      this.#answerAll(decisions)
      const transition = fold.current && { instance: fold.current, entries: write.journal }
      this.#parts.onCommitted({
        sentAt,
        transition,
        events: fold.events,
        timers: [...fold.timersSet.values()],
      })
      this.#release(mailbox)
      return
    }
    let again = decisions.map(d => d.pending)
    if (result.kind === 'unstorable') {
      mailbox.putBack(this.#withoutTheGuilty(mailbox, again, result.error))
      this.#release(mailbox)
      return
    }
    mailbox.doubtArmed()
    switch (result.kind) {
      case 'unknown':
        this.#cache.drop(mailbox.id)
        for (const pending of again) {
          this.#settle(() => pending.fail(new OverloadedError('It is not known yet whether it was done', 1)))
        }
        this.#release(mailbox)
        return
      case 'stale':
        mailbox.forgetObstacles()
        // Read instead of dropping it: the read shows whether other processes went on or the database went back.
        if (this.#cache.get(mailbox.id)?.instance.version === write.expectedVersion) {
          this.#mustRead.add(mailbox.id)
        }
        break
      case 'claimed':
        for (const [key, holder] of result.holders) mailbox.blocked.set(key, { holder, at: startedAt })
        break
      case 'unmet':
        mailbox.noteUnmet(result.preconditions, startedAt)
        break
      case 'keyed':
        mailbox.used = new Map(result.used.map(used => [nameOfKey(used), used]))
        break
      case 'gateLost': {
        const isLost = (p: Pending) => p.kind === 'timer' && result.sendIds.includes(p.gate.sendId)
        for (const pending of again.filter(isLost)) {
          if (pending.kind === 'timer') this.#settle(() => pending.settle())
        }
        again = again.filter(p => !isLost(p))
        break
      }
      case 'busy':
        mailbox.putBack(this.#withoutTheTired(again))
        this.#parts.platform.after(BUSY_PAUSE_MS, () => this.#release(mailbox))
        return
    }
    mailbox.putBack(this.#withoutTheTired(again))
    this.#release(mailbox)
  }

  /**
   * One of these events cannot be written: half as many are taken next, until it is alone, and fails. It is alone only if
   * no timer that the mailbox knows of may have fired before it in the same write.
   */
  #withoutTheGuilty(mailbox: Mailbox, taken: readonly Pending[], error: unknown): readonly Pending[] {
    const isAlone = taken.length === 1 && mailbox.armed.size === 0
    mailbox.forgetArmed()
    if (!isAlone) {
      mailbox.burstLimit = Math.max(1, Math.ceil(taken.length / 2))
      return taken
    }
    mailbox.burstLimit = MAX_JOURNAL_ROWS
    for (const pending of taken) this.#settle(() => pending.fail(error))
    return []
  }

  #withoutTheTired(pendings: readonly Pending[]): Pending[] {
    return pendings.filter(pending => {
      pending.attempts++
      if (pending.attempts <= MAX_ATTEMPTS) return true
      this.#settle(() => pending.fail(new OverloadedError('Too many others change this instance', 1)))
      return false
    })
  }

  // ── ending ─────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Answers what has been confirmed. What came with a key and was not applied has first to be known not to have been
   * applied before: a repetition that would be refused now must still be told of its first success.
   */
  #answerAll(decisions: readonly Decision[]): void {
    const unchecked = decisions.filter(({ keyToCheck }) => keyToCheck !== undefined)
    for (const { answer, keyToCheck } of decisions) if (keyToCheck === undefined) this.#settle(answer)
    if (unchecked.length === 0) return
    this.#checking++
    answersUnlessUsed(this.#parts.store, unchecked).then(answers => {
      for (const answer of answers) this.#settle(answer)
      this.#checking--
      this.#tellIfIdle()
    })
  }

  #tellIfIdle(): void {
    if (this.#mailboxes.size > 0 || this.#checking > 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  #settle(answer: () => void): void {
    this.#waiting--
    answer()
  }

  #failAll(mailbox: Mailbox, error: unknown): void {
    for (const pending of mailbox.takeAll()) this.#settle(() => pending.fail(error))
    this.#release(mailbox)
  }

  /** The mailbox has no work under way any more: it waits for its next turn, or goes. */
  #release(mailbox: Mailbox): void {
    if (mailbox.length > 0) {
      this.#ready.set(mailbox.id, mailbox)
      this.#schedule()
      return
    }
    this.#ready.delete(mailbox.id)
    this.#mustRead.delete(mailbox.id)
    this.#mailboxes.delete(mailbox.id)
    this.#tellIfIdle()
  }
}
