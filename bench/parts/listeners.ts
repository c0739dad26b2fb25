/* Sockets of customers in a process of their own, so that their work does not slow the measured process down. */
import { startWorker, type Worker } from '../worker.js'

export interface ListenOrder {
  readonly type: string
  /** The number of messages to wait for, for some seconds. */
  readonly count: number
}

export interface Heard {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Listeners {
  /** Returns the messages of this type since the last call. Throws unless there were exactly `count`. */
  heard(type: string, count: number): Promise<readonly Heard[]>
  end(): Promise<void>
}

/** Connects sockets of the customers `customer-0`, `customer-1`, …. */
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
