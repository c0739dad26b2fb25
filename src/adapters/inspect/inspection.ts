/*
 * Live instances in Stately's inspector: `INSPECT=1` opens a page on this machine that shows every instance as an actor,
 * with the diagram of the machine that runs, its events and its snapshots. For development: the package that does it
 * is not among those of production, and is loaded only here.
 */
import type { createWebSocketInspector } from '@statelyai/inspect'
import type { Logger } from 'pino'
import type { Definition } from '../../runtime/definition.js'
import type { Transition } from '../../runtime/types.js'

export interface Inspection {
  /** Shows what has been committed. Never throws: nobody needs to be watching. */
  observe(transition: Transition): void
  close(): void
}

/** A machine's configuration is deeper than the package's own limit of ten, and would be cut short. */
const DEPTH_LIMIT = 100
/** An inspector that shows more actors than this is of no use to anybody, and a slow page. */
const MAX_SHOWN = 500

/** Throws, with what to do, where the package is not installed. */
export async function createInspection(options: {
  readonly definitions: readonly Definition[]
  readonly log: Logger
  readonly port: number
}): Promise<Inspection> {
  const { definitions, log, port } = options
  const { createInspectorServer, createWebSocketInspector } = await load()
  const server = createInspectorServer({ port, autoOpen: false })
  const inspector = createWebSocketInspector({
    url: `ws://localhost:${port}`,
    serializationDepthLimit: DEPTH_LIMIT,
  })
  const machines = new Map(definitions.map(({ name, machine }) => [name, machine]))
  const shown = new Set<string>()
  log.info({ url: `http://localhost:${port}` }, 'instances can be inspected')

  return {
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
    close() {
      inspector.adapter.stop?.()
      server.stop()
    },
  }
}

type Shown = Exclude<Parameters<ReturnType<typeof createWebSocketInspector>['actor']>[0], string>

async function load() {
  try {
    const [{ createInspectorServer }, { createWebSocketInspector }] = await Promise.all([
      import('@statelyai/inspect/server'),
      import('@statelyai/inspect'),
    ])
    return { createInspectorServer, createWebSocketInspector }
  } catch (cause) {
    throw new Error('INSPECT needs a package for development: npm install --save-dev @statelyai/inspect', {
      cause,
    })
  }
}
