/*
 * Named points at which a test can stop, delay or kill a process. In production no one listens there:
 * the cost is one comparison with `undefined`.
 */
export const FAULT_POINTS = [
  /** A command waits for the snapshot; the read has not been sent. */
  'read.before',
  /** The read has been answered; nothing is decided. */
  'read.after',
  /** All is decided; the commit has not been sent. */
  'commit.before',
  /** The statement is on its way; its answer has not been taken. */
  'commit.sent',
  /** The database has committed; nobody has been told. */
  'commit.after',
  /** The callers have their answers; no subscriber has been told. */
  'delivery.before',
  /** The subscribers have been told; the outbox still says otherwise. */
  'delivery.after',
  /** Due timers are leased; none has been fired. */
  'timers.leased',
  /** Deliveries are taken over; none has been made. */
  'outbox.leased',
] as const

export type FaultPoint = (typeof FAULT_POINTS)[number]

/** What happens at a point: a test's answer may wait, throw, or never come. */
export type Faults = (point: FaultPoint) => Promise<void> | void
