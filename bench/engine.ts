/* The engine as the product puts it together (src/app.ts), without what lies outside of it: HTTP, facts, sockets, push. */
import { createPostgresStore } from '../src/adapters/postgres/store.js'
import { createWakeups } from '../src/adapters/postgres/wakeups.js'
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
  throw new Error('the benchmark takes only what the subscribers want, not what they do')
}

/** The product's own in what they want: every event costs its rows in the outbox, and their removal. */
const subscribers = [reachSubscriber(never), socketSubscriber(never), pushSubscriber(never)].map(
  subscriber => ({ ...subscriber, handle() {} }),
)

/** Opens it, and has it fire timers and sweep unless `isStarted` is false. */
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

/** Creates a request and answers its id; anything but a new request is an error. */
export async function createRequest(engine: Engine, name: string, trucks: number): Promise<string> {
  const created = await engine.create('broadcast', request(name, trucks), { actor: customerOf(name) })
  if (created.kind !== 'created') throw new Error(`request ${name} was not created: ${created.reason}`)
  return created.id
}

/** Sends an accept of a truck of its own and answers 'won', or the reason why it was refused. */
export async function sendAccept(engine: Engine, id: string, name: string): Promise<string> {
  const result = await engine.send(id, accept(name), { actor: transporterOf(name) })
  if (result.kind === 'unchanged') throw new Error(`an accept of ${id} changed nothing and was not refused`)
  return result.kind === 'applied' ? 'won' : result.reason
}
