/* Customers' sockets, in a process of their own: what they do must not hold up the one that is measured. */
import { startWorker, type Worker } from '../worker.js'

export interface ListenOrder {
  readonly type: string
  /** So many are waited for, for some seconds. */
  readonly count: number
}

export interface Heard {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Listeners {
  /** What of this type came since it was last asked for. Throws unless there were exactly so many. */
  heard(type: string, count: number): Promise<readonly Heard[]>
  end(): Promise<void>
}

/** Sockets of the customers `customer-0`, `customer-1`, …, connected. */
export async function startListeners(url: string, customers: number): Promise<Listeners> {
  const script = new URL('listeners-process.ts', import.meta.url)
  const worker: Worker<ListenOrder, readonly Heard[]> = await startWorker(script, [url, `${customers}`])
  return {
    async heard(type, count) {
      const heard = await worker.ask({ type, count })
      if (heard.length !== count) throw new Error(`${heard.length} of ${count} messages ${type} came`)
      return heard
    },
    end: worker.end,
  }
}
