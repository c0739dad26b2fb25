/* Answers decided events, and removes those that must not be decided again. */
import { OverloadedError } from '../errors.js'
import type { Store } from '../ports.js'
import type { Decision, Evaluation } from './evaluate.js'
import { MAX_ATTEMPTS, MAX_JOURNAL_ROWS } from './limits.js'
import type { Mailbox, Pending } from './mailbox.js'
import type { Mailboxes } from './mailboxes.js'
import { answersUnlessUsed } from './repeated-keys.js'

/**
 * Answers confirmed decisions. A decision with a key that was not applied is answered only after a read of that key: a
 * repetition that would be refused now must still get the answer of its first success.
 */
export function answerAll(
  store: Pick<Store, 'usedKeys'>,
  mailboxes: Mailboxes,
  decisions: readonly Decision[],
): void {
  const unchecked = decisions.filter(({ keyToCheck }) => keyToCheck !== undefined)
  for (const { answer, keyToCheck } of decisions) if (keyToCheck === undefined) mailboxes.settle(answer)
  if (unchecked.length === 0) return
  const checked = answersUnlessUsed(store, unchecked).then(answers => {
    for (const answer of answers) mailboxes.settle(answer)
  })
  mailboxes.waitFor(checked)
}

/**
 * For an evaluation that writes nothing. A decision that rests on a read or a commit which began after the event
 * arrived is answered. The others wait for a read. `confirmedAt`: the monotonic time at which the snapshot was last
 * confirmed.
 */
export function answerConfirmed(
  store: Pick<Store, 'usedKeys'>,
  mailboxes: Mailboxes,
  { mailbox, decisions }: Evaluation,
  confirmedAt: number,
): void {
  const unconfirmed: Pending[] = []
  const confirmed: Decision[] = []
  for (const decision of decisions) {
    const { pending, isFact } = decision
    if (isFact || pending.arrivedAt <= confirmedAt || pending.kind === 'create') confirmed.push(decision)
    else unconfirmed.push(pending)
  }
  answerAll(store, mailboxes, confirmed)
  if (unconfirmed.length > 0) {
    mailbox.putBack(unconfirmed)
    mailboxes.requireRead(mailbox)
  }
  mailboxes.release(mailbox)
}

/**
 * One of the `taken` events cannot be written. Half as many are taken next, until the event is alone, and fails. It is alone
 * only if no timer that the mailbox knows of may have fired before it in the same write. Returns those to put back.
 */
export function isolatePoison(
  mailboxes: Mailboxes,
  mailbox: Mailbox,
  taken: readonly Pending[],
  error: unknown,
): readonly Pending[] {
  const isAlone = taken.length === 1 && mailbox.armed.size === 0
  mailbox.forgetArmed()
  if (!isAlone) {
    mailbox.burstLimit = Math.max(1, Math.ceil(taken.length / 2))
    return taken
  }
  mailbox.burstLimit = MAX_JOURNAL_ROWS
  for (const pending of taken) mailboxes.settle(() => pending.fail(error))
  return []
}

/** Counts an attempt of each event. Fails those that have lost too many races, and returns the others. */
export function dropExhausted(mailboxes: Mailboxes, pendings: readonly Pending[]): Pending[] {
  return pendings.filter(pending => {
    pending.attempts++
    if (pending.attempts <= MAX_ATTEMPTS) return true
    mailboxes.settle(() => pending.fail(new OverloadedError('Too many others change this instance', 1)))
    return false
  })
}
