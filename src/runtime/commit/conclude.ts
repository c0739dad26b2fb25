/* What follows from the result of one instance's write: answers, another attempt, or another read. */
import { OverloadedError } from '../errors.js'
import type { WriteResult } from '../ports.js'
import { answerAll, dropExhausted, isolatePoison } from './answering.js'
import type { CommitterParts, DecidedWrite, Sent } from './decided.js'
import { BUSY_PAUSE_MS, MAX_JOURNAL_ROWS } from './limits.js'
import { type Mailbox, nameOfKey, type Pending } from './mailbox.js'
import type { Mailboxes } from './mailboxes.js'

type Parts = Pick<CommitterParts, 'store' | 'known' | 'platform' | 'onCommitted'>

export function conclude(
  parts: Parts,
  mailboxes: Mailboxes,
  decided: DecidedWrite,
  result: WriteResult,
  sent: Sent,
): void {
  if (result.kind === 'moved') concludeMoved(parts, mailboxes, decided, sent)
  else concludeUnwritten(parts, mailboxes, decided, result, sent)
}

function concludeMoved(
  { store, known, onCommitted }: Parts,
  mailboxes: Mailboxes,
  { evaluation, write }: DecidedWrite,
  { startedAt, sentAt }: Sent,
): void {
  const { mailbox, fold, decisions } = evaluation
  if (fold.current !== undefined) known.cache.note(fold.current, startedAt, fold.snapshotBytes)
  for (const voided of mailbox.hasMoved(write)) mailboxes.settle(() => voided.settle())
  mailbox.burstLimit = MAX_JOURNAL_ROWS
  answerAll(store, mailboxes, decisions)
  onCommitted({
    sentAt,
    transition: fold.current && { instance: fold.current, entries: write.journal },
    events: fold.events,
    timers: [...fold.timersSet.values()],
  })
  mailboxes.release(mailbox)
}

type Unwritten = Exclude<WriteResult, { kind: 'moved' }>

/**
 * Nothing was written, or the result is unknown. The events are decided again with the obstacle known, or they fail.
 */
function concludeUnwritten(
  parts: Parts,
  mailboxes: Mailboxes,
  { evaluation: { mailbox, decisions }, write }: DecidedWrite,
  result: Unwritten,
  { startedAt }: Sent,
): void {
  const pendings = decisions.map(({ pending }) => pending)
  // Another process may have fired or armed timers.
  if (result.kind !== 'unstorable' && result.kind !== 'limited') mailbox.doubtArmed()
  switch (result.kind) {
    case 'unstorable':
      mailbox.putBack(isolatePoison(mailboxes, mailbox, pendings, result.error))
      mailboxes.release(mailbox)
      return
    case 'unknown':
      failUnknown(parts, mailboxes, mailbox, pendings)
      return
    case 'busy':
      mailbox.putBack(dropExhausted(mailboxes, pendings))
      parts.platform.after(BUSY_PAUSE_MS, () => mailboxes.release(mailbox))
      return
    case 'stale':
      noteStale(parts, mailboxes, mailbox, write.expectedVersion)
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
    case 'gateLost':
      decideAgain(mailboxes, mailbox, settleVoid(mailboxes, pendings, result.sendIds))
      return
    case 'limited':
      for (const pending of pendings) {
        if (pending.kind === 'create') mailboxes.settle(() => pending.settle(result))
      }
      mailboxes.release(mailbox)
      return
    default:
      result satisfies never
  }
  decideAgain(mailboxes, mailbox, pendings)
}

function decideAgain(mailboxes: Mailboxes, mailbox: Mailbox, pendings: readonly Pending[]): void {
  mailbox.putBack(dropExhausted(mailboxes, pendings))
  mailboxes.release(mailbox)
}

/** It is unknown whether the write was applied: the callers are told so, and the next event reads the instance. */
function failUnknown(
  { known }: Parts,
  mailboxes: Mailboxes,
  mailbox: Mailbox,
  pendings: readonly Pending[],
): void {
  known.cache.drop(mailbox.id)
  for (const pending of pendings) {
    mailboxes.settle(() => pending.fail(new OverloadedError('It is not known yet whether it was done', 1)))
  }
  mailboxes.release(mailbox)
}

/** Timers that are gone, or were armed again since, are void. Returns the other events. */
function settleVoid(
  mailboxes: Mailboxes,
  pendings: readonly Pending[],
  sendIds: readonly string[],
): readonly Pending[] {
  return pendings.filter(pending => {
    if (pending.kind !== 'timer' || !sendIds.includes(pending.gate.sendId)) return true
    mailboxes.settle(() => pending.settle())
    return false
  })
}

/** The instance had another version. */
function noteStale({ known }: Parts, mailboxes: Mailboxes, mailbox: Mailbox, expectedVersion: number): void {
  mailbox.forgetObstacles()
  // The snapshot is read instead of dropped: the read shows whether other processes went on or the database went back.
  if (known.cache.get(mailbox.id)?.instance.version === expectedVersion) mailboxes.requireRead(mailbox)
}
