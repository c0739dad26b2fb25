/*
 * Named points at which a test can stop, delay or kill a process. In production nothing listens there: the cost is one
 * comparison with `undefined`.
 */
export const FAULT_POINTS = [
  /** A command waits for the snapshot; the read has not been sent. */
  'read.before',
  /** The read has been answered; nothing is decided. */
  'read.after',
  /** The burst is decided, and the commit has not been sent. */
  'commit.before',
  /** The statement is on its way; its answer has not been taken. */
  'commit.sent',
  /** The database has committed, and no caller has an answer. */
  'commit.after',
  /** The callers have their answers, and no subscriber has the events. */
  'delivery.before',
  /** The subscribers have handled the events, and the outbox still has them. */
  'delivery.after',
  /** Due timers are leased; none has been fired. */
  'timers.leased',
  /** Deliveries are taken over; none has been made. */
  'outbox.leased',
] as const

export type FaultPoint = (typeof FAULT_POINTS)[number]

/** What happens at a point. A test may make it wait, throw or never return. */
export type Faults = (point: FaultPoint) => Promise<void> | void
