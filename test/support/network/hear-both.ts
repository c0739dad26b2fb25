import type { Envelope } from '../../../src/dispatch/ports.js'
import { until } from '../engine/engine.js'
import { type Client, listen } from '../server/clients.js'

/**
 * A user connected to several processes. Any of them may fire a timer, and until sockets are shared, only the clients of
 * that process get the event.
 */
export interface BothEars {
  events(): readonly Envelope[]
  /** The first event of this type that fits, on any of them, whether past or future. */
  next(type: string, fits: (event: Envelope) => boolean, patienceMs?: number): Promise<Envelope>
  close(): void
}

export async function hearBoth(urls: readonly string[], { token }: Pick<Client, 'token'>): Promise<BothEars> {
  const ears = await Promise.all(urls.map(url => listen(url, token)))
  const events = () => ears.flatMap(ear => [...ear.events])
  return {
    events,
    async next(type, fits, patienceMs) {
      let found: Envelope | undefined
      await until(() => {
        found = events().find(event => event.type === type && fits(event))
        return found !== undefined
      }, patienceMs)
      if (found === undefined) throw new Error(`No ${type} came`)
      return found
    },
    close: () => {
      for (const ear of ears) ear.close()
    },
  }
}
