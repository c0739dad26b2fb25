import type { Logger } from 'pino'
import type { SyncedClock } from './clock.js'
import type { Definition } from './definition.js'
import type { DefinitionError } from './errors.js'
import type { Faults } from './faults.js'
import type { Platform } from './platform.js'
import type { Store, Wakeups } from './ports.js'
import type { Meter, Tracer } from './telemetry.js'
import type { Subscriber, Transition } from './types.js'

export interface EngineOptions {
  readonly store: Store
  readonly definitions: readonly Definition[]
  readonly subscribers?: readonly Subscriber[]
  readonly clock?: SyncedClock
  readonly log?: Logger
  /** Needed if some processes take commands and others fire the timers. */
  readonly wakeups?: Wakeups
  /**
   * Called once when a definition version is in use that this process cannot serve. The process does no more work and
   * should end.
   */
  readonly onUnfit?: (reason: DefinitionError) => void
  /** Gets every transition after its commit, at most once. Must be quick and never throw. */
  readonly observe?: (transition: Transition) => void
  readonly meter?: Meter | undefined
  readonly tracer?: Tracer | undefined
  /** For tests: see faults.ts. */
  readonly faults?: Faults
  /** For simulations: see platform.ts. */
  readonly platform?: Platform
}
