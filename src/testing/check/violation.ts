/* The violations that the checker reports. */

/** The promise that was broken. */
export type Rule =
  /** The history contradicts itself: a version is missing or doubled, or a transition was not caused by any call. */
  | 'history'
  /** The machine does not do what was applied. */
  | 'machine'
  /** No order of the transitions fits the times of calls and answers. */
  | 'order'
  /** A caller got an answer that the machine would not have given at any moment while the caller waited. */
  | 'answer'
  /** A stamp goes back or is outside of its call, or a timer fired too early. */
  | 'time'
  /** An idempotency key was applied twice, or was not honoured. */
  | 'key'
  /** Two instances held a claim at once, or a call was refused for a claim that no instance held. */
  | 'claim'
  /** An event was lost, or was delivered without having been emitted. */
  | 'delivery'
  /** The stored data of an instance differ from what its own journal gives. */
  | 'stored'

export interface Violation {
  readonly rule: Rule
  readonly message: string
  readonly instance?: string
  /** The ids of the operations that show it. */
  readonly operations?: readonly number[]
}

export function formatViolation({ rule, message, instance, operations = [] }: Violation): string {
  const where = instance === undefined ? '' : ` ${instance.slice(-4)}`
  const who = operations.length === 0 ? '' : ` (operations ${operations.join(', ')})`
  return `${rule}${where}: ${message}${who}`
}
