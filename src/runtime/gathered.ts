/*
 * Many single reads as few statements. Under load a statement costs more in being sent, planned and answered than in what it
 * reads, so reads that come while others are on the wire go with the next statement. No delay is added: a read that comes when
 * nothing is on the wire goes at once.
 */
import type { Alarms } from '../concurrency/alarms.js'
import { afterThisTick, Batcher } from '../concurrency/batcher.js'
import { StoreUnavailableError } from './errors.js'
import { processPlatform } from './platform.js'

/** The database reads one while the answer of another is being read here. */
const MAX_IN_FLIGHT = 2
/** Beyond some dozens the gain is small, and all wait for the slowest. */
const MAX_KEYS = 100

/**
 * Makes a read of many into a read of one. `read` answers in the order of its keys. Callers that ask for the same, by `nameOf`,
 * while it waits to be sent share an answer; the statement always begins after the call. A statement that the database refuses
 * is sent again for each key alone, so that no caller fails because of another; one that it does not answer is not.
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
