/* The runtime's store on a database in memory, so that an engine can run without Postgres. */
import type { Store } from '../../runtime/ports.js'
import { MemoryDatabase } from './database.js'

/** Engines whose stores have the same `database` share it, as processes share a Postgres. */
export function createMemoryStore({
  database = new MemoryDatabase(),
}: {
  readonly database?: MemoryDatabase
} = {}): Store {
  return {
    now: async () => database.now(),
    position: async () => database.position(),
    load: async ids => database.load(ids),
    commit: async (writes, leaseMs) => database.commit(writes, leaseMs),
    confirmDurable: async () => {},
    history: async (id, after, limit) => database.history(id, after, limit),
    usedKeys: async keys => database.usedKeys(keys),
    leaseTimers: async (known, options) => database.leaseTimers(known, options),
    dueTimers: async instance => database.dueTimers(instance),
    spendTimer: async (timer, ignoredBy) => database.spendTimer(timer, ignoredBy),
    postponeTimer: async (timer, failure, delayMs) => database.postponeTimer(timer, failure, delayMs),
    buryTimer: async (timer, failure) => database.buryTimer(timer, failure),
    armTimers: async (instance, version, timers) => database.armTimers(instance, version, timers),
    instancesToCheck: async everyMs => database.instancesToCheck(everyMs),
    instancesChecked: async () => {},
    timersOf: async (ids, known) => database.timersOf(ids, known),
    leaseDeliveries: async (subscribers, known, limit, leaseMs) =>
      database.leaseDeliveries(subscribers, known, limit, leaseMs),
    markLate: async events => database.markLate(events),
    release: async held => database.release(held),
    settleDeliveries: async delivered => database.settleDeliveries(delivered),
    retryDelivery: async (key, attempts, delayMs) => database.retryDelivery(key, attempts, delayMs),
    buryDelivery: async (key, attempts, error) => database.buryDelivery(key, attempts, error),
    deadLetters: async (before, limit) => database.deadLetters(before, limit),
    redrive: async id => database.redrive(id),
    drop: async id => database.drop(id),
    announceProcess: async (process, leaseMs) => database.announceProcess(process, leaseMs),
    forgetProcess: async id => database.forgetProcess(id),
    close: async () => {},
  }
}
