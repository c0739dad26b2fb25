/* What the committer decides, sends and tells: the parts of one instance in one commit. */
import type { Evaluation } from './evaluate.js'
import type { FoldedEvent } from './fold.js'
import type { InstanceWrite, StoredTimer } from './ports.js'
import type { Transition } from './types.js'

export interface Committed {
  /** The engine's time when the commit was sent: the events were recorded then, or after it. */
  readonly sentAt: number
  readonly transition: Transition | undefined
  readonly events: readonly FoldedEvent[]
  readonly timers: readonly StoredTimer[]
}

export interface Decided {
  readonly evaluation: Evaluation
  readonly write: InstanceWrite | undefined
}

export interface Turn extends Decided {
  readonly write: InstanceWrite
}
