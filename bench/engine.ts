/* The engine as the product configures it (src/app/app.ts), without the product around it: HTTP, facts, sockets, push. */
import { createPostgresStore } from '../src/adapters/postgres/engine/store.js'
import { createWakeups } from '../src/adapters/postgres/engine/wakeups.js'
import { reachSubscriber, socketSubscriber } from '../src/dispatch/announcements/subscribers.js'
import { pushSubscriber } from '../src/dispatch/push/subscriber.js'
import { broadcastDefinition } from '../src/machines/index.js'
import { createEngine, type Engine, type EngineOptions } from '../src/runtime/index.js'
import { accept, customerOf, request, transporterOf } from './subject.js'

export interface OpenEngine {
  readonly engine: Engine
  close(): Promise<void>
}

const never = () => {
  throw new Error('the benchmark uses only the filters of the subscribers, not their work')
}

/** The product's subscribers without their work. Each event still costs its rows in the outbox and their removal. */
const subscribers = [reachSubscriber(never), socketSubscriber(never), pushSubscriber(never)].map(
  subscriber => ({ ...subscriber, handle() {} }),
)

/** Opens an engine. It fires timers and sweeps unless `isStarted` is false. */
export async function openEngine(
  connectionString: string,
  { isStarted = true, observe }: { isStarted?: boolean; observe?: EngineOptions['observe'] } = {},
): Promise<OpenEngine> {
  const store = createPostgresStore({ connectionString })
  const wakeups = createWakeups({ connectionString })
  const engine = createEngine({
    store,
    wakeups,
    definitions: [broadcastDefinition],
    subscribers,
    ...(observe === undefined ? {} : { observe }),
  })
  if (isStarted) await engine.start()
  return {
    engine,
    async close() {
      await engine.close()
      await wakeups.close()
      await store.close()
    },
  }
}

/** Creates a request and returns its id. Throws if anything but a new request results. */
export async function createRequest(engine: Engine, name: string, trucks: number): Promise<string> {
  const created = await engine.create('broadcast', request(name, trucks), { actor: customerOf(name) })
  if (created.kind !== 'created') throw new Error(`request ${name} was not created: ${created.reason}`)
  return created.id
}

/** Sends an accept with a truck of its own. Returns 'won', or the reason of the refusal. */
export async function sendAccept(engine: Engine, id: string, name: string): Promise<string> {
  const result = await engine.send(id, accept(name), { actor: transporterOf(name) })
  if (result.kind === 'unchanged') throw new Error(`an accept of ${id} changed nothing and was not refused`)
  return result.kind === 'applied' ? 'won' : result.reason
}
