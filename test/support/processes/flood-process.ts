import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface FloodAnswers {
  /** The number of answers by status. */
  readonly answers: Readonly<Record<number, number>>
  /** The number of 503 answers without Retry-After. */
  readonly withoutWord: number
}

export interface Flood {
  /** The state a moment ago. */
  latest(): FloodAnswers
  /** Waits for the calls in progress. Rejects if a call was not answered. */
  end(): Promise<FloodAnswers>
}

/** Starts `callers` callers. Each calls again as soon as it is answered. */
export function startFlood(url: string, token: string, callers: number): Flood {
  const script = fileURLToPath(new URL('./flood.ts', import.meta.url))
  const child = fork(script, [url, token, String(callers)], { execArgv: ['--import', 'tsx'] })
  const ended = once(child, 'exit')
  let latest: FloodAnswers = { answers: {}, withoutWord: 0 }
  child.on('message', (message: FloodAnswers) => {
    latest = message
  })
  return {
    latest: () => latest,
    async end() {
      if (child.connected) child.send('end')
      const [code] = await ended
      if (code !== 0) throw new Error(`The flood ended with ${code}`)
      return latest
    },
  }
}
