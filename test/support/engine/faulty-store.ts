/* A store whose connection fails as it is told: one word for each call, in order. */
import { setTimeout as delay } from 'node:timers/promises'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'
import type { Store } from '../../../src/runtime/ports.js'

/** `lost`: it never arrives. `unanswered`: it is done without an answer. `late`: the caller gives up before it arrives. */
export type Mishap =
  | { readonly kind: 'none' | 'lost' | 'unanswered' }
  | { readonly kind: 'slow' | 'late'; readonly ms: number }

export interface FaultyStore extends Store {
  /** Resolves when all calls that were sent have arrived. */
  settled(): Promise<void>
}

/** Affects only reads and commits. Each takes the next of `mishaps`, and none is affected after the last. */
export function faultyStore(store: Store, mishaps: readonly Mishap[]): FaultyStore {
  const underWay = new Set<Promise<unknown>>()
  let next = 0

  async function through<T>(send: () => Promise<T>): Promise<T> {
    const mishap = mishaps[next++] ?? { kind: 'none' }
    switch (mishap.kind) {
      case 'none':
        return send()
      case 'slow':
        await delay(mishap.ms)
        return send()
      case 'lost':
        throw new StoreUnavailableError('lost')
      case 'unanswered':
        await send()
        throw new StoreUnavailableError('unanswered')
      case 'late': {
        const landing = delay(mishap.ms)
          .then(send)
          .catch(() => {})
          .finally(() => underWay.delete(landing))
        underWay.add(landing)
        throw new StoreUnavailableError('late')
      }
    }
  }

  return {
    ...store,
    load: ids => through(() => store.load(ids)),
    commit: (writes, leaseMs) => through(() => store.commit(writes, leaseMs)),
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}
