/*
 * Live instances in Stately's inspector: `INSPECT=1` opens a page on this machine that shows every instance as an actor,
 * with the diagram of the machine that runs, its events and its snapshots. For development: the inspector's package is not among
 * those of production, and is loaded only here.
 */
import type { createInspector } from '@statelyai/inspect'
import type { Definition } from '../../runtime/definition.js'
import type { Transition } from '../../runtime/types.js'
import { createInspectorServer } from './inspector-server.js'

export interface Inspection {
  /** Of the page, with the token that opens it. */
  readonly url: string
  /** Shows what has been committed. Never throws: nobody needs to be watching. */
  observe(transition: Transition): void
  close(): void
}

/** A machine's configuration is deeper than the package's own limit of ten, and would be cut short. */
const DEPTH_LIMIT = 100
/** An inspector that shows more actors than this is of no use to anybody, and a slow page. */
const MAX_SHOWN = 500

/** Throws, with what to do, where the package is not installed. `host`: the address that the page is served on. */
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
        // As the inspector sees an actor: it reads the diagram off its logic.
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
    throw new Error('INSPECT needs a package for development: npm install --save-dev @statelyai/inspect', {
      cause,
    })
  }
}
