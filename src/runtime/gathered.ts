/*
 * Many single reads as few statements. Under load a statement costs more in being sent, planned and answered than in
 * what it reads, so what is asked for while others are on the wire goes with the next. No delay is added: who comes
 * when nothing is on the wire goes at once.
 */

import { SlabMap } from '../concurrency/slab.js'
import { withResolvers } from '../concurrency/with-resolvers.js'
import { StoreUnavailableError } from './errors.js'
import { type Platform, processPlatform } from './platform.js'

/** One being read by the database while the answer of another is being read here. */
const MAX_IN_FLIGHT = 2
/** Beyond some dozens the gain is small, and everyone waits for the slowest. */
const MAX_KEYS = 100

interface Waiting<TKey, TValue> {
  readonly key: TKey
  readonly asked: Promise<TValue>
  resolve(value: TValue): void
  reject(error: unknown): void
}

/**
 * Makes of a read of many a read of one. `read` answers in the order of the keys it is given. Those who ask for the same,
 * by `nameOf`, while it waits to be sent share an answer; what is read is read after it was asked for, always.
 * A statement that the database refuses, not one that it does not answer, is sent again for each key by itself, so that
 * nobody suffers for another's.
 */
export function gathered<TKey, TValue>(
  nameOf: (key: TKey) => string,
  read: (keys: readonly TKey[]) => Promise<readonly TValue[]>,
  platform: Pick<Platform, 'soon'> = processPlatform,
): (key: TKey) => Promise<TValue> {
  const waiting = new SlabMap<Waiting<TKey, TValue>>()
  let inFlight = 0
  let isScheduled = false

  /** After the callbacks of this tick: what arrives together goes together. */
  function schedule(): void {
    if (isScheduled || inFlight >= MAX_IN_FLIGHT) return
    isScheduled = true
    platform.soon(() => {
      isScheduled = false
      while (waiting.size > 0 && inFlight < MAX_IN_FLIGHT) {
        const batch = [...waiting].slice(0, MAX_KEYS)
        for (const [name] of batch) waiting.delete(name)
        inFlight++
        readBatch(batch.map(([, one]) => one)).finally(() => {
          inFlight--
          if (waiting.size > 0) schedule()
        })
      }
    })
  }

  async function readBatch(batch: readonly Waiting<TKey, TValue>[]): Promise<void> {
    try {
      const values = await read(batch.map(({ key }) => key))
      if (values.length !== batch.length) {
        throw new Error(`${batch.length} were asked for and ${values.length} answered`)
      }
      for (const [i, { resolve }] of batch.entries()) resolve(values[i] as TValue)
    } catch (error) {
      if (batch.length === 1 || error instanceof StoreUnavailableError) {
        for (const { reject } of batch) reject(error)
        return
      }
      for (const one of batch) await readBatch([one])
    }
  }

  return key => {
    const name = nameOf(key)
    const same = waiting.get(name)
    if (same !== undefined) return same.asked
    const { promise, resolve, reject } = withResolvers<TValue>()
    waiting.set(name, { key, asked: promise, resolve, reject })
    schedule()
    return promise
  }
}
