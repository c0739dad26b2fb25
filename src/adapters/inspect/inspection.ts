/*
 * Live instances in Stately's inspector. `INSPECT=1` opens a page on this machine. It shows every instance as an actor,
 * with the diagram of its machine, its events and its snapshots. For development: the package is no production
 * dependency and is loaded only here.
 */
import type { createInspector } from '@statelyai/inspect'
import type { Definition } from '../../runtime/definition.js'
import type { Transition } from '../../runtime/types.js'
import { createInspectorServer } from './inspector-server.js'

export interface Inspection {
  /** The URL of the page, including the token that opens it. */
  readonly url: string
  /** Shows a committed transition. Never throws, and works without viewers. */
  observe(transition: Transition): void
  close(): void
}

/** A machine's configuration is nested deeper than the package's default limit of ten, and would be cut off. */
const DEPTH_LIMIT = 100
/** With more actors the page is slow and useless. */
const MAX_SHOWN = 500

/** Throws if the package is not installed; the message says how to install it. `host` is the address of the page. */
export async function createInspection(options: {
  readonly definitions: readonly Definition[]
  readonly host: string
  readonly port: number
}): Promise<Inspection> {
  const { definitions, host, port } = options
  const { createInspector } = await load()
  const server = await createInspectorServer({ host, port })
  const inspector = createInspector({ send: server.send }, { serializationDepthLimit: DEPTH_LIMIT })
  const machines = new Map(definitions.map(({ name, machine }) => [name, machine]))
  const shown = new Set<string>()

  return {
    url: server.url,
    observe({ instance, entries }) {
      const { id, machine, snapshot } = instance
      const { status, value, context } = snapshot
      if (!shown.has(id)) {
        if (shown.size >= MAX_SHOWN) return
        shown.add(id)
        // The inspector reads the diagram from an actor's logic.
        const actor = { sessionId: id, logic: machines.get(machine) } as unknown as Shown
        inspector.actor(actor, { status, value, context })
      }
      for (const { event } of entries) inspector.event(id, event)
      const last = entries.at(-1)?.event
      inspector.snapshot(id, { status, value, context }, last === undefined ? {} : { event: last })
    },
    close: server.close,
  }
}

type Shown = Exclude<Parameters<ReturnType<typeof createInspector>['actor']>[0], string>

async function load() {
  try {
    return await import('@statelyai/inspect')
  } catch (cause) {
    throw new Error('INSPECT needs a development package: npm install --save-dev @statelyai/inspect', {
      cause,
    })
  }
}
