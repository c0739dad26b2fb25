import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Engine } from '../../../src/runtime/api.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import type { Faults } from '../../../src/runtime/faults.js'
import type { Store, Wakeups } from '../../../src/runtime/ports.js'
import type { EmittedEvent, Subscriber } from '../../../src/runtime/types.js'
import { doorDefinition } from '../machines/door.js'
import { trafficLightDefinition } from '../machines/traffic-light.js'
import { isOverdue } from './pace.js'

export const testDefinitions = [doorDefinition, trafficLightDefinition] as unknown as Definition[]

/** A subscriber that records its events. */
export function recordingSubscriber(name = 'recorder'): Subscriber & { readonly events: EmittedEvent[] } {
  const events: EmittedEvent[] = []
  return { name, wants: () => true, events, handle: event => void events.push(event) }
}

/** An engine as in another process, with a store of its own. */
export function openEngine(
  connectionString: string,
  options: {
    subscribers?: Subscriber[]
    store?: Store
    definitions?: Definition[]
    faults?: Faults
    wakeups?: Wakeups
  } = {},
): { engine: Engine; store: Store; close(): Promise<void> } {
  const faults = options.faults === undefined ? {} : { faults: options.faults }
  const store = options.store ?? createPostgresStore({ connectionString, ...faults })
  const engine = createEngine({
    store,
    definitions: options.definitions ?? testDefinitions,
    subscribers: options.subscribers ?? [],
    ...(options.wakeups === undefined ? {} : { wakeups: options.wakeups }),
    ...faults,
  })
  return {
    engine,
    store,
    async close() {
      await engine.close()
      await store.close()
    },
  }
}

/** Polls every few milliseconds until `condition` holds. Throws after `timeoutMs`, later on a slow machine. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (isOverdue(startedAt, timeoutMs)) throw new Error(`Still not so after ${timeoutMs} ms: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
