/*
 * A process's connection to the database. Messages take time and overtake each other. Some are lost, some get no answer,
 * and some arrive after their sender has given up. A statement runs the moment it arrives, with nothing in between.
 */
import { StoreUnavailableError } from '../../runtime/errors.js'
import type { FaultPoint } from '../../runtime/faults.js'
import type { InstanceWrite, Store } from '../../runtime/ports.js'
import { createMemoryStore } from '../memory/store.js'
import type { World } from './world.js'

/** A broken connection is noticed sooner or later: a reset at once, silence by the client's time limit. */
const SHORTEST_NOTICE_MS = 1
const LONGEST_NOTICE_MS = 7_000
/** A statement may arrive up to this long after its sender has given up. */
const LATE_WITHIN_MS = 5_000

/** The process that a connection belongs to. */
export interface ConnectedProcess {
  readonly name: string
  readonly isAlive: boolean
  /** Work that goes on in the process, or never when it has died. */
  ifAlive(work: () => void): void
  /** Tells that the process has come to a fault point. */
  reach(point: FaultPoint): Promise<void> | void
}

export function connect(
  world: World,
  process: ConnectedProcess,
  alter: (store: Store, world: World) => Store = store => store,
): Store {
  const database = alter(createMemoryStore({ database: world.database }), world)
  const { name } = process

  const call = createCall(world, process)

  return {
    now: () => call('now', () => database.now()),
    load: ids => call(`load ${ids.length}`, () => database.load(ids)),
    commit: (writes, leaseMs) =>
      call(
        describe(writes),
        async () => {
          const results = await database.commit(writes, leaseMs)
          world.trace.note('database', name, results.map(result => result.kind).join(', '))
          return results
        },
        () => process.reach('commit.sent'),
      ),
    confirmDurable: () => call('confirm durable', () => database.confirmDurable()),
    history: (id, after, limit) => call('history', () => database.history(id, after, limit)),
    usedKeys: keys => call(`look at ${keys.length} keys`, () => database.usedKeys(keys)),
    position: () => call('position', () => database.position()),
    leaseTimers: (known, options) => call('lease timers', () => database.leaseTimers(known, options)),
    dueTimers: instance => call('due timers', () => database.dueTimers(instance)),
    spendTimer: (timer, ignoredBy) =>
      call(`spend timer ${timer.sendId}`, () => database.spendTimer(timer, ignoredBy)),
    postponeTimer: (timer, failure, delayMs) =>
      call(`postpone timer ${timer.sendId}`, () => database.postponeTimer(timer, failure, delayMs)),
    buryTimer: (timer, failure) =>
      call(`bury timer ${timer.sendId}`, () => database.buryTimer(timer, failure)),
    armTimers: (instance, version, timers) =>
      call(`arm ${timers.length} timers`, () => database.armTimers(instance, version, timers)),
    instancesToCheck: everyMs => call('instances to check', () => database.instancesToCheck(everyMs)),
    instancesChecked: next => call('instances checked', () => database.instancesChecked(next)),
    timersOf: (ids, known) => call(`timers of ${ids.length}`, () => database.timersOf(ids, known)),
    leaseDeliveries: (subscribers, known, limit, leaseMs) =>
      call('lease deliveries', () => database.leaseDeliveries(subscribers, known, limit, leaseMs)),
    markLate: events => call('mark late', () => database.markLate(events)),
    release: held => call('release', () => database.release(held)),
    settleDeliveries: delivered =>
      call(`settle ${delivered.length}`, () => database.settleDeliveries(delivered)),
    retryDelivery: (key, attempts, delayMs) =>
      call('retry later', () => database.retryDelivery(key, attempts, delayMs)),
    buryDelivery: (key, attempts, error) => call('bury', () => database.buryDelivery(key, attempts, error)),
    deadLetters: (before, limit) => call('dead letters', () => database.deadLetters(before, limit)),
    redrive: id => call('redrive', () => database.redrive(id)),
    drop: id => call('drop', () => database.drop(id)),
    announceProcess: (one, leaseMs) => call('announce process', () => database.announceProcess(one, leaseMs)),
    forgetProcess: id => call('forget process', () => database.forgetProcess(id)),
    close: async () => {},
  }
}

/** Sends a statement, as `label` in the trace, and answers it, unless the connection or the process is lost meanwhile. */
function createCall(world: World, process: ConnectedProcess) {
  const { name } = process
  return <T>(label: string, work: () => Promise<T>, onSent?: () => Promise<void> | void): Promise<T> => {
    if (!process.isAlive) return new Promise(() => {})
    return new Promise<T>((resolve, reject) => {
      const { chance, time, mishaps, trace } = world
      const answer = (settle: () => void) => process.ifAlive(settle)
      const fate = chance.next()
      const isLost = fate < mishaps.lost
      const isUnanswered = !isLost && fate < mishaps.lost + mishaps.unanswered
      const isLate = !isLost && !isUnanswered && fate < mishaps.lost + mishaps.unanswered + mishaps.late
      const noticeMs = chance.between(
        SHORTEST_NOTICE_MS,
        chance.happens(0.5) ? LONGEST_NOTICE_MS : 10 * SHORTEST_NOTICE_MS,
      )
      if (isLost || isUnanswered || isLate) {
        time.after(noticeMs, () => {
          trace.note('database', name, `connection lost: ${label}`)
          answer(() => reject(new StoreUnavailableError(new Error('the connection was lost'))))
        })
      }
      if (isLost) return
      const arrivesIn = isLate ? noticeMs + chance.between(0, LATE_WITHIN_MS) : world.latencyMs()
      time.after(arrivesIn, () => {
        trace.note(name, 'database', label)
        work().then(
          result => {
            if (isUnanswered || isLate) return
            time.after(world.latencyMs(), () => answer(() => resolve(result)))
          },
          error => time.after(world.latencyMs(), () => answer(() => reject(error))),
        )
      })
      onSent?.()
    })
  }
}

function describe(writes: readonly InstanceWrite[]): string {
  const parts = writes.map(({ row, expectedVersion, journal }) => {
    const events = journal.map(entry => entry.event.type).join(' ')
    return `${row.id.slice(-4)} v${expectedVersion}→${row.version} ${events}`
  })
  return `commit ${parts.join(' | ')}`
}
