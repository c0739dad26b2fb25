import { startWorker } from '../worker.js'

export interface BareRoute {
  readonly url: string
  end(): Promise<void>
}

/** Starts the route in a process of its own. Each answer is JSON of about `answerBytes` bytes. */
export async function startBareRoute(answerBytes: number): Promise<BareRoute> {
  const worker = await startWorker<object, string>(new URL('bare-route-process.ts', import.meta.url), [
    `${answerBytes}`,
  ])
  return { url: await worker.ask({}), end: worker.end }
}
