/* What the committer decides, sends and reports for one instance in one commit. */
import type { Logger } from 'pino'
import type { Registry } from '../definitions/registry.js'
import type { Faults } from '../faults.js'
import type { Platform } from '../platform.js'
import type { InstanceWrite, Store, StoredTimer } from '../ports.js'
import type { Meter, Tracer } from '../telemetry.js'
import type { Transition } from '../types.js'
import type { Evaluation, EvaluationContext } from './evaluate.js'
import type { FoldedEvent } from './fold.js'
import type { KnownInstances } from './known-instances.js'

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

export interface DecidedWrite extends Decided {
  readonly write: InstanceWrite
}

/** When a commit was sent, by the monotonic clock and by the engine's. */
export interface Sent {
  readonly startedAt: number
  readonly sentAt: number
}

export interface CommitterParts {
  readonly store: Store
  readonly registry: Registry
  readonly known: KnownInstances
  readonly context: EvaluationContext
  readonly onCommitted: (committed: Committed) => void
  readonly log: Logger
  readonly platform: Platform
  readonly faults?: Faults | undefined
  readonly meter?: Meter | undefined
  readonly tracer?: Tracer | undefined
}
