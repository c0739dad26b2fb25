/*
 * Decides, in memory and from one committed snapshot, what becomes of the events that wait for an instance.
 * Nothing decided here may be answered before it is confirmed: by the commit of the write, or, where nothing
 * is written, by a read or commit of the same version that began after the event arrived.
 */

import type { Clock } from '../clock.js'
import type { Refusal } from '../definition.js'
import { checkedRefusal } from '../definitions/checks/moved.js'
import type { Registered } from '../definitions/registry.js'
import { MIGRATE, upgradePath } from '../definitions/upgrade.js'
import type { StoredTimer } from '../ports.js'
import { FIRST_VERSION } from '../replay.js'
import { firesBefore, type Ordered } from '../timers/timer-order.js'
import type { TimerKey } from '../types.js'
import { type IdempotencyKey, type Instance, PRECONDITION_FAILED, type Subscriber } from '../types.js'
import { Fold } from './fold.js'
import {
  type Mailbox,
  nameOfKey,
  orderOf,
  type Pending,
  type PendingCommand,
  type PendingCreate,
  type PendingTimer,
} from './mailbox.js'
import { stamp } from './stamp.js'

/** Of one machine that arms a timer each time one rings, in one burst. The others come in the next bursts. */
const MAX_RUNG = 100

export interface Decision {
  readonly pending: Pending
  /** Answers the caller. */
  readonly answer: () => void
  /** True for what needs no confirmation of the snapshot: it does not rest on it. */
  readonly isFact?: boolean
  /** It came with a key and is not part of the write, so the commit does not look at the key. */
  readonly keyToCheck?: IdempotencyKey | undefined
}

export interface Evaluation {
  readonly mailbox: Mailbox
  readonly fold: Fold
  readonly decisions: readonly Decision[]
}

export interface EvaluationContext {
  readonly clock: Clock
  /** A new UUIDv7. */
  readonly uid: () => string
  readonly subscribers: readonly Subscriber[]
  /** Parks a timer that its machine ignored, as `by` shows. */
  readonly spendTimer: (timer: TimerKey, by: Instance) => void
}

/** Takes events from the mailbox and decides them. `base` is `undefined` for an instance that does not exist yet. */
export function evaluate(
  mailbox: Mailbox,
  base: Instance | undefined,
  registered: Registered,
  context: EvaluationContext,
  writing: Registered = registered,
): Evaluation {
  const fold = new Fold(mailbox.id, base, registered, context.subscribers)
  if (base !== undefined) bringTo(writing, fold, context)
  const decide = { create, command, timer }
  const decideOne = (pending: Pending): Decision | undefined => {
    try {
      const used = usedKey(pending, mailbox, fold)
      if (used !== undefined) {
        // Used by a twin in this very burst, it is a fact only once that is committed, which is answered with it.
        return { pending, answer: () => used.settle(), isFact: true }
      }
      const before = fold.journalLength
      const work = { mailbox, fold, registered: fold.registered, context }
      const answer = decide[pending.kind](pending as never, work)
      if (answer === undefined) return undefined
      const isWritten = fold.journalLength > before
      return { pending, answer, keyToCheck: pending.kind === 'timer' || isWritten ? undefined : pending.key }
    } catch (error) {
      // The machine threw: a bug in it. That event alone fails; the fold has not been touched.
      return { pending, answer: () => pending.fail(error) }
    }
  }
  const taken = mailbox.take()
  const decisions: Decision[] = []
  const waiting: Pending[] = []
  for (const pending of taken) {
    const mustWait = pending.kind === 'timer' && waiting.length > 0
    const decision = mustWait ? undefined : decideOne(pending)
    if (decision === undefined) waiting.push(pending)
    else decisions.push(decision)
  }
  mailbox.putBack(waiting)
  return { mailbox, fold, decisions }
}

/** An instance of an older version is migrated with the first event that comes to it. */
function bringTo(writing: Registered, fold: Fold, { clock, uid }: EvaluationContext): void {
  const base = existing(fold)
  const isFinished = base.snapshot.status !== 'active'
  if (isFinished || base.definitionVersion >= writing.definition.version) return
  for (const to of upgradePath(fold.registered, writing)) {
    const at = Math.max(clock.now(), base.updatedAt)
    const [from, version] = [fold.registered.definition.version, to.definition.version]
    const event = { type: MIGRATE, at, uid: uid(), from, to: version, keepsHistory: true }
    fold.upgrade(to, event, { id: 'migration', role: 'system' })
  }
}

interface Workbench {
  readonly mailbox: Mailbox
  readonly fold: Fold
  readonly registered: Registered
  readonly context: EvaluationContext
}

function create(pending: PendingCreate, { mailbox, fold, registered, context }: Workbench): () => void {
  const at = context.clock.now()
  const input = stamp(pending.input, at, pending.uid)
  const step = registered.stepper.begin(input, pending.uid)
  const taken = fold.claimsTakenBy(step)
  const held = findHeld(taken, mailbox, pending)
  if (held !== undefined) {
    const { definition } = registered
    const given = definition.refuseClaim(held.key, held.holder)
    const refusal = checkedRefusal(definition, 'refuseClaim', given)
    return () => pending.settle({ kind: 'refused', reason: refusal.reason, refusal, holder: held.holder })
  }
  const { version } = registered.definition
  const versioned = version === FIRST_VERSION ? {} : { definitionVersion: version }
  const init = { type: 'xstate.init', at, uid: pending.uid, input, ...versioned } as const
  const { key, limits } = pending
  const instance = fold.push(step, init, pending.actor, { key, taken, limits })
  return () => pending.settle({ kind: 'created', version: 1, instance, uid: pending.uid })
}

function command(pending: PendingCommand, { mailbox, fold, registered, context }: Workbench): () => void {
  const { definition, stepper } = registered
  const current = existing(fold)
  const refuse = (refusal: Refusal) => () =>
    pending.settle({
      kind: 'refused',
      reason: refusal.reason,
      version: current.version,
      refusal,
      instance: current,
    })

  // A migration changes nothing that a caller has seen: the version before it will do as well.
  const isPresent = [current.version, fold.versionBeforeUpgrade].includes(pending.ifVersion)
  if (pending.ifVersion !== undefined && !isPresent) {
    return refuse({ reason: 'STALE_VERSION', version: current.version })
  }
  // Most of a crowd comes too late, and need not trouble the machine.
  const final = definition.refusePermanently(current.snapshot, pending.event.type)
  if (final !== undefined) return refuse(checkedRefusal(definition, 'refusePermanently', final))
  const at = Math.max(context.clock.now(), current.updatedAt)
  const event = stamp(pending.event, at, pending.uid)
  const step = stepper.step(current.snapshot, event)
  if (step.kind === 'unchanged') {
    const refusal = definition.refuse(current.snapshot, event)
    if (refusal !== undefined) return refuse(checkedRefusal(definition, 'refuse', refusal))
    return () => pending.settle({ kind: 'unchanged', version: current.version, instance: current })
  }
  const unmet = mailbox.findUnmet(pending)
  if (unmet !== undefined) return refuse({ reason: PRECONDITION_FAILED, precondition: unmet })
  const taken = fold.claimsTakenBy(step)
  const held = findHeld(taken, mailbox, pending)
  if (held !== undefined) {
    const refusal = definition.refuseClaim(held.key, held.holder)
    return refuse(checkedRefusal(definition, 'refuseClaim', refusal))
  }
  const { key, preconditions } = pending
  const instance = fold.push(step, event, pending.actor, { key, taken, preconditions })
  return () => pending.settle({ kind: 'applied', version: instance.version, instance, uid: pending.uid })
}

/** `undefined`: it waits for the next burst, since others fire before it. So do the timers after it. */
function timer(pending: PendingTimer, workbench: Workbench): (() => void) | undefined {
  const { fold, registered, context, mailbox } = workbench
  if (!ringBefore(orderOf(pending), workbench)) return undefined
  const current = existing(fold)
  const settle = () => pending.settle()
  const key = { instance: mailbox.id, ...pending.gate }
  if (current.snapshot.status !== 'active' && fold.journalLength === 0) {
    // Left behind by a release that kept the timers of finished instances.
    return () => {
      context.spendTimer(key, current)
      pending.settle()
    }
  }
  // Cancelled or armed again by an event that goes first in this very burst.
  if (!fold.hasTimer(pending.gate.sendId) || mailbox.isReplaced(pending.gate)) return settle
  // Due times do not drift, but the stamps of one instance never go back.
  const at = Math.max(pending.dueAt, current.updatedAt)
  const event = stamp(pending.event, at, pending.uid)
  const step = registered.stepper.step(current.snapshot, event)
  if (step.kind === 'unchanged') {
    const machine = registered.definition.name
    fold.spend({ ...key, machine, event: pending.event, dueAt: pending.dueAt }, { isStored: true })
    return () => {
      // If the burst wrote something, its commit parks the timer.
      if (fold.journalLength === 0) context.spendTimer(key, current)
      pending.settle()
    }
  }
  fold.push(step, event, pending.actor, { gate: pending.gate })
  return settle
}

/**
 * Timers that were armed in this burst, or by a commit shortly before, and fire before the next one. A late process
 * finds both overdue and must not skip those in between. False: there are more of them than one burst can hold.
 */
function ringBefore(next: Ordered, { mailbox, fold, registered, context }: Workbench): boolean {
  const failed = new Set<string>()
  const journalLength = fold.journalLength
  let firstDueAt: number | undefined
  for (let rung = 0; ; rung++) {
    const first = storedBefore(next, mailbox, fold, failed)
    const own = fold.armedBefore(first ?? next, failed)
    const armed = own ?? first
    if (armed === undefined) return true
    const isStored = own === undefined
    firstDueAt ??= armed.dueAt
    if (rung === MAX_RUNG) {
      // A machine that arms a timer for the same instant each time one rings would keep `next` waiting for ever.
      const comesToAnEnd = isStored || armed.dueAt > firstDueAt
      return !(comesToAnEnd && fold.journalLength > journalLength)
    }
    const current = existing(fold)
    const event = stamp(armed.event, Math.max(armed.dueAt, current.updatedAt), context.uid())
    try {
      const step = registered.stepper.step(current.snapshot, event)
      if (step.kind === 'unchanged') {
        fold.spend(armed, { isStored })
        continue
      }
      const gate = isStored ? { sendId: armed.sendId, generation: armed.generation } : undefined
      const actor = { id: 'timer', role: 'system', sendId: armed.sendId }
      fold.push(step, event, actor, { gate, rung: armed })
    } catch {
      // Its own failure, not that of `next`: it fires by itself too, and that attempt is counted.
      failed.add(armed.sendId)
    }
  }
}

function storedBefore(next: Ordered, mailbox: Mailbox, fold: Fold, except: ReadonlySet<string>) {
  let first: StoredTimer | undefined
  for (const timer of mailbox.armed.values()) {
    if (except.has(timer.sendId) || !fold.hasTimer(timer.sendId)) continue
    if (firesBefore(timer, first ?? next)) first = timer
  }
  return first
}

function usedKey(pending: Pending, mailbox: Mailbox, fold: Fold): { settle(): void } | undefined {
  if (pending.kind === 'timer' || pending.key === undefined) return undefined
  const name = nameOfKey(pending.key)
  const used = mailbox.used.get(name) ?? fold.keys.get(name)
  return used && { settle: () => pending.settle({ kind: 'replayed', used }) }
}

function existing(fold: Fold): Instance {
  if (fold.current === undefined) throw new Error('An event was evaluated before its instance was created')
  return fold.current
}

/** A key that was in another's hands when a commit begun after the event arrived looked for it. */
function findHeld(keys: readonly string[], mailbox: Mailbox, pending: Pending) {
  for (const key of keys) {
    const blocked = mailbox.blocked.get(key)
    if (blocked !== undefined && pending.arrivedAt <= blocked.at) return { key, holder: blocked.holder }
  }
  return undefined
}
