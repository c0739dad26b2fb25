import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface FloodAnswers {
  /** How many were answered so, by status. */
  readonly answers: Readonly<Record<number, number>>
  /** Of those with 503, the ones that were not told when to come back. */
  readonly withoutWord: number
}

export interface Flood {
  /** A moment ago. */
  latest(): FloodAnswers
  /** Lets what is under way be answered. Rejects when a call was not. */
  end(): Promise<FloodAnswers>
}

/** So many callers, each of whom calls again as soon as it is answered. */
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
