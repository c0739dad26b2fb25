import { startWorker } from '../worker.js'

export interface BareRoute {
  readonly url: string
  end(): Promise<void>
}

/** In a process of its own; each answer is JSON of about so many bytes. */
export async function startBareRoute(answerBytes: number): Promise<BareRoute> {
  const worker = await startWorker<object, string>(new URL('bare-route-process.ts', import.meta.url), [
    `${answerBytes}`,
  ])
  return { url: await worker.ask({}), end: worker.end }
}
