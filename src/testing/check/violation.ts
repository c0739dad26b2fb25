/* What the checker reports. */

/** Which promise was broken. */
export type Rule =
  /** The history contradicts itself: versions missing or doubled, a transition that nobody caused. */
  | 'history'
  /** What was applied is not what the machine does. */
  | 'machine'
  /** No order of the transitions fits with who was answered before who asked. */
  | 'order'
  /** A caller was told what the machine would not have said at any moment while it waited. */
  | 'answer'
  /** A stamp that goes back, or lies outside of its call; a timer before its time. */
  | 'time'
  /** A key that was used twice, or not honoured. */
  | 'key'
  /** A key that two instances held at once, or that nobody held who is said to have. */
  | 'claim'
  /** An event that was lost, or told without having been emitted. */
  | 'delivery'
  /** What is stored is not what its own journal gives. */
  | 'stored'

export interface Violation {
  readonly rule: Rule
  readonly message: string
  readonly instance?: string
  /** Operations that it shows in, by id. */
  readonly operations?: readonly number[]
}

export function formatViolation({ rule, message, instance, operations = [] }: Violation): string {
  const where = instance === undefined ? '' : ` ${instance.slice(-4)}`
  const who = operations.length === 0 ? '' : ` (operations ${operations.join(', ')})`
  return `${rule}${where}: ${message}${who}`
}
