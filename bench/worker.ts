/* A process of the benchmark that takes orders by messages. It reports that it is ready, then answers each order once. */
import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface Worker<TOrder, TAnswer> {
  ask(order: TOrder): Promise<TAnswer>
  /** Tells the process to end, and waits for it. */
  end(): Promise<void>
}

/** Runs `script`, which must call `serveOrders`. Resolves when it is ready. Rejects, as `ask` does, if it ends. */
export async function startWorker<TOrder extends object, TAnswer>(
  script: URL,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<Worker<TOrder, TAnswer>> {
  const child = fork(script, args, { execArgv: [...execArgv, '--import', 'tsx'], serialization: 'advanced' })
  const ended = once(child, 'exit')
  const failed = ended.then(([code]) => {
    throw new Error(`${script.pathname} ended with ${code}`)
  })
  failed.catch(() => {}) // After `end`, its end is expected.
  const answer = async () => (await Promise.race([once(child, 'message'), failed]))[0]
  await answer()
  return {
    async ask(order) {
      child.send(order)
      return (await answer()) as TAnswer
    },
    async end() {
      child.disconnect()
      await ended
    },
  }
}

/** For the process itself. `answer` gets one order at a time, and `close` is called when the process is told to end. */
export function serveOrders<TOrder, TAnswer>(
  answer: (order: TOrder) => Promise<TAnswer>,
  close: () => Promise<void> | void,
): void {
  process.on('message', async (order: TOrder) => {
    process.send?.(await answer(order))
  })
  process.once('disconnect', close)
  process.send?.('ready')
}
