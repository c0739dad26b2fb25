/*
 * Turns many single reads into few statements. Under load, sending, planning and answering a statement cost more than
 * what it reads. So reads that come while statements are in progress wait for the next one. A read that comes when none
 * is in progress is sent at once.
 */
import type { Alarms } from '../concurrency/alarms.js'
import { afterThisTick, Batcher } from '../concurrency/batcher.js'
import { StoreUnavailableError } from './errors.js'
import { processPlatform } from './platform.js'

/** The database reads one while the answer of another is parsed here. */
const MAX_IN_FLIGHT = 2
/** Beyond some dozens the gain is small, and all wait for the slowest. */
const MAX_KEYS = 100

/**
 * Makes a read of one out of a read of many. `read` returns answers in the order of its keys. Callers with the same
 * name, by `nameOf`, share an answer while it waits to be sent. The statement always begins after the call. A statement
 * that the database refuses is repeated for each key alone, so that no caller fails because of another. A statement
 * without an answer is not repeated.
 */
export function gathered<TKey, TValue>(
  nameOf: (key: TKey) => string,
  read: (keys: readonly TKey[]) => Promise<readonly TValue[]>,
  platform: Pick<Alarms, 'soon'> = processPlatform,
): (key: TKey) => Promise<TValue> {
  const batcher = new Batcher<TKey, TValue>({
    work: read,
    maxBatch: MAX_KEYS,
    maxCalls: MAX_IN_FLIGHT,
    begin: afterThisTick(platform),
    nameOf,
    isolates: error => !(error instanceof StoreUnavailableError),
  })
  return key => batcher.add(key)
}
