/*
 * Decides, in memory and from one committed snapshot, what becomes of the events that wait for an instance.
 * Nothing decided here may be answered before it is confirmed: by the commit of the write, or, where nothing
 * is written, by a read or commit of the same version that began after the event arrived.
 */
import { checkedRefusal } from './checks/moved.js'
import type { Clock } from './clock.js'
import type { Refusal } from './definition.js'
import { Fold } from './fold.js'
import {
  type Mailbox,
  nameOfKey,
  type Pending,
  type PendingCommand,
  type PendingCreate,
  type PendingTimer,
} from './mailbox.js'
import type { TimerKey } from './ports.js'
import type { Registered } from './registry.js'
import { FIRST_VERSION } from './replay.js'
import { stamped } from './stamped.js'
import { type IdempotencyKey, type Instance, PRECONDITION_FAILED, type Subscriber } from './types.js'
import { MIGRATE, upgradePath } from './upgrade.js'

/** Of one machine that arms a timer each time one rings. What is left rings by itself, in a burst of its own. */
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
  const decisions = mailbox.take().map((pending): Decision => {
    try {
      const used = usedKey(pending, mailbox, fold)
      if (used !== undefined) {
        // Used by a twin in this very burst, it is a fact only once that is committed, which is answered with it.
        return { pending, answer: () => used.settle(), isFact: true }
      }
      const before = fold.journalLength
      const work = { mailbox, fold, registered: fold.registered, context }
      const answer = decide[pending.kind](pending as never, work)
      const isWritten = fold.journalLength > before
      return { pending, answer, keyToCheck: pending.kind === 'timer' || isWritten ? undefined : pending.key }
    } catch (error) {
      // The machine threw: a bug in it. That event alone fails; the fold has not been touched.
      return { pending, answer: () => pending.fail(error) }
    }
  })
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
  const input = stamped(pending.input, at, pending.uid)
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
  const instance = fold.push(step, init, pending.actor, { key: pending.key, taken })
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
  const event = stamped(pending.event, at, pending.uid)
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

function timer(pending: PendingTimer, workbench: Workbench): () => void {
  const { fold, registered, context, mailbox } = workbench
  ringBefore(pending.dueAt, workbench)
  const current = existing(fold)
  const settle = () => pending.settle()
  // Cancelled or armed again by an event that goes first in this very burst.
  if (!fold.hasTimer(pending.gate.sendId)) return settle
  // Due times do not drift, but the stamps of one instance never go back.
  const at = Math.max(pending.dueAt, current.updatedAt)
  const event = stamped(pending.event, at, pending.uid)
  const step = registered.stepper.step(current.snapshot, event)
  if (step.kind === 'unchanged') {
    const key = { instance: mailbox.id, ...pending.gate }
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
 * Timers that were armed in this burst, or by a commit shortly before, and are due before the next one. A late process
 * finds both overdue and must not skip those in between.
 */
function ringBefore(dueAt: number, { mailbox, fold, registered, context }: Workbench): void {
  for (let rung = 0; rung < MAX_RUNG; rung++) {
    const stored = [...mailbox.armed.values()].filter(
      timer => timer.dueAt < dueAt && fold.hasTimer(timer.sendId),
    )
    const [first] = stored.sort((a, b) => a.dueAt - b.dueAt)
    const own = fold.armedBefore(first?.dueAt ?? dueAt)
    const armed = own ?? first
    if (armed === undefined) return
    const isStored = own === undefined
    const current = existing(fold)
    const event = stamped(armed.event, Math.max(armed.dueAt, current.updatedAt), context.uid())
    const step = registered.stepper.step(current.snapshot, event)
    if (step.kind === 'unchanged') {
      fold.spend(armed, { isStored })
      continue
    }
    const gate = isStored ? { sendId: armed.sendId, generation: armed.generation } : undefined
    fold.ring(armed)
    fold.push(step, event, { id: 'timer', role: 'system', sendId: armed.sendId }, { gate })
  }
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
