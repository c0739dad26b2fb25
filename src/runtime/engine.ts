/*
 * The durable engine: commands and timers go in, guarded commits and deliveries come out.
 * It knows definitions and nothing of what they are about.
 */
import type { Logger } from 'pino'
import type { Command, CreateOptions, Engine, Keyed, SendOptions } from './api.js'
import { createClock, type SyncedClock } from './clock.js'
import { parseActor, parseCommand, parseInput } from './commands.js'
import { Committer } from './commit/committer.js'
import { KnownInstances } from './commit/known-instances.js'
import { createContinuity } from './continuity.js'
import type { Definition } from './definition.js'
import { isUuid } from './definitions/checks/caller.js'
import { createMembership } from './definitions/membership.js'
import { createRegistry } from './definitions/registry.js'
import { createDeliveryService } from './delivery/delivery.js'
import { type DefinitionError, OverloadedError, UnknownInstanceError, unavailable } from './errors.js'
import type { Faults } from './faults.js'
import { gathered } from './gathered.js'
import { noted, traced } from './observed.js'
import { type Cancel, type Platform, processPlatform, waitAtMost } from './platform.js'
import type { Store, StoredInstance, StoredTimer, TimerKey, Wakeups } from './ports.js'
import { replay } from './replay.js'
import { silentLog } from './silent-log.js'
import type { Meter, Tracer } from './telemetry.js'
import { createTimerFiring } from './timers/fire-timer.js'
import { createRearm } from './timers/rearm.js'
import { createTimerFailures } from './timers/timer-failures.js'
import { createTimerService } from './timers/timers.js'
import type {
  CreateOutcome,
  IdempotencyKey,
  Instance,
  Outcome,
  Replayed,
  Subscriber,
  Transition,
} from './types.js'

/** Clocks of machines drift by some milliseconds an hour; a virtual machine that was paused jumps. */
const CLOCK_SYNC_EVERY_MS = 30_000
/** Longer than a commit that is resent; shorter than what orchestrators wait before they kill. */
const CLOSE_WITHIN_MS = 15_000
/** One short statement, twice over. Without it leases run out by themselves, so it is not worth more. */
const HAND_OVER_WITHIN_MS = 2_000
/** Journal rows of one answer. */
const MAX_HISTORY_PAGE = 1_000
/** Each may hold the text of an error. */
const MAX_DEAD_LETTERS_PAGE = 200

export interface EngineOptions {
  readonly store: Store
  readonly definitions: readonly Definition[]
  readonly subscribers?: readonly Subscriber[]
  readonly clock?: SyncedClock
  readonly log?: Logger
  /** Needed where some processes take commands and others fire the timers. */
  readonly wakeups?: Wakeups
  /**
   * Called once when a definition version is in use that this process cannot serve. The process does no more work and
   * should end.
   */
  readonly onUnfit?: (reason: DefinitionError) => void
  /** Is shown every transition after its commit, once at most. Must not throw, or take long. */
  readonly observe?: (transition: Transition) => void
  readonly meter?: Meter | undefined
  readonly tracer?: Tracer | undefined
  /** For tests: see faults.ts. */
  readonly faults?: Faults
  /** For simulations: see platform.ts. */
  readonly platform?: Platform
}

/**
 * Makes an engine. It takes commands at once; `start` begins firing timers and sweeping the outbox.
 * Throws `DefinitionError` with all faults of the definitions.
 */
export function createEngine(options: EngineOptions): Engine {
  const { store, subscribers = [], clock = createClock(), log = silentLog } = options
  const { faults, wakeups, meter, tracer, platform = processPlatform } = options
  const registry = createRegistry(options.definitions)
  const membership = createMembership({ store, registry, log, platform, onUnfit })
  const ensure = () => membership.ensure()
  const delivery = createDeliveryService({
    store,
    subscribers,
    known: registry.known,
    ensure,
    log,
    clock,
    platform,
    faults,
    meter,
    tracer,
  })
  const continuity = createContinuity({ store, log, platform, meter, onLoss: forgetHistory })
  const known = new KnownInstances(registry, platform, rewind => continuity.noteLoss(rewind))
  const committer = new Committer({
    store,
    registry,
    known,
    context: { clock, uid: platform.uid, subscribers, spendTimer },
    onCommitted({ sentAt, transition, events, timers: armed }) {
      if (transition !== undefined) options.observe?.(transition)
      for (const timer of armed) if (timer.parked === undefined) noteDue(timer.dueAt)
      delivery.deliver(events, sentAt)
    },
    log,
    platform,
    faults,
    meter,
    tracer,
  })
  const fire = createTimerFiring({ committer, ensure, clock, platform, tracer })
  const noteTimerFailure = createTimerFailures({ store, log, platform, meter })
  /** Rejects only if the timer is not at fault; its lease runs out then. */
  const fireAndCount = (timer: StoredTimer) => fire(timer).catch(error => noteTimerFailure(timer, error))
  const timers = createTimerService({
    store,
    known: registry.known,
    clock,
    fire: fireAndCount,
    ensure,
    prepare,
    log,
    platform,
    faults,
    meter,
  })
  const rearm = createRearm({
    store,
    registry,
    ensure,
    log,
    platform,
    meter,
    onArmed: ({ dueAt }) => noteDue(dueAt),
  })
  let closed = false
  let firesTimers = false
  let hasJoined = false
  let cancelClockSync: Cancel = () => {}

  function prepare(instances: readonly string[]): void {
    known
      .readAhead(store, instances)
      .catch(error => log.warn({ err: error }, 'instances of timers that are nearly due could not be read'))
  }

  function spendTimer(timer: TimerKey, ignoredBy: Instance): void {
    store
      .spendTimer(timer, ignoredBy)
      .catch(error =>
        log.warn({ err: error, ...timer }, 'an ignored timer could not be parked; it will fire again'),
      )
  }

  /** Discards everything derived from a history that the database has lost. */
  function forgetHistory(): void {
    known.cache.clear()
    delivery.forget()
    syncClock().catch(error => log.warn({ err: error }, "the clock could not be set by the database's"))
    if (firesTimers) timers.noteDue(clock.now())
  }

  function onUnfit(reason: DefinitionError): void {
    log.fatal({ err: reason }, 'this process can no longer serve: it knows only an older definition')
    standDown()
    options.onUnfit?.(reason)
  }

  function standDown(): void {
    firesTimers = false
    delivery.stopSweeps()
    rearm.stop().catch(() => {}) // it has logged its failures
    // What was about to be fired here is due elsewhere now.
    timers.stop().then(() => wakeups?.announce(clock.now()))
  }

  function noteDue(dueAt: number): void {
    if (firesTimers) timers.noteDue(dueAt)
    else wakeups?.announce(dueAt)
  }

  function assertOpen(): void {
    if (closed) throw new OverloadedError('The engine is closing', 1)
  }

  const syncClock = () => clock.sync(() => store.now())

  function keepClockInStep(): void {
    cancelClockSync = platform.after(
      CLOCK_SYNC_EVERY_MS,
      () => {
        syncClock()
          .catch(error => log.error({ err: error }, "the clock could not be set by the database's"))
          .finally(() => closed || keepClockInStep())
      },
      { inBackground: true },
    )
  }

  /** Waits for `work`, but not beyond `deadline`: what is not done then is left to others, by lease. */
  async function untilDeadline(work: Promise<unknown>, deadline: number): Promise<void> {
    await waitAtMost(platform, Math.max(0, deadline - platform.monotonicMs()), work)
  }

  /** Others need not wait for the leases of what this process has not finished. */
  async function handOver(): Promise<void> {
    const held = { timers: timers.held(), deliveries: delivery.held() }
    const counts = { timers: held.timers.length, deliveries: held.deliveries.length }
    if (counts.timers + counts.deliveries === 0) return
    const released = store.release(held).then(
      () => log.warn(counts, 'not finished in time, and left to other processes'),
      error =>
        log.warn({ err: error, ...counts }, 'not finished in time; other processes wait for the leases'),
    )
    await untilDeadline(released, platform.monotonicMs() + HAND_OVER_WITHIN_MS)
    wakeups?.announce(clock.now())
  }

  /** A crowd that wants the same instance, which nobody here knows yet, is one row. */
  const loadOne = gathered<string, StoredInstance | undefined>(
    id => id,
    async ids => {
      const rows = new Map((await store.load(ids)).map(row => [row.id, row]))
      return ids.map(id => rows.get(id))
    },
    platform,
  )

  async function get(id: string): Promise<Instance | undefined> {
    if (!isUuid(id)) return undefined
    const readStartedAt = platform.monotonicMs()
    const row = await loadOne(id)
    return row === undefined ? undefined : known.noteRead(row, readStartedAt)
  }

  const read = (id: string) => whenAvailable(get(id))

  async function ring(id: string): Promise<void> {
    if ((await fireDue(id)) === 0 && (await rearm.check(id)) > 0) await fireDue(id)
  }

  async function fireDue(id: string): Promise<number> {
    const due = await store.dueTimers(id)
    await Promise.all(due.map(fireAndCount))
    return due.length
  }

  async function redrive(id: number): Promise<boolean> {
    const isRedriven = await store.redrive(id)
    if (isRedriven) noteDue(clock.now()) // it may be a timer
    return isRedriven
  }

  /** Repeats an earlier answer only after its commit is durable. */
  function confirmed<T extends CreateOutcome | Outcome | Replayed>(
    key: IdempotencyKey | undefined,
    work: Promise<T>,
  ): Promise<T> {
    if (key === undefined) return work
    return work.then(async outcome => {
      if (outcome.kind === 'replayed') await whenAvailable(store.confirmDurable())
      return outcome
    })
  }

  /** The version that a command to this instance is judged by: it is migrated with the first that comes. */
  function definitionFor({ machine, definitionVersion }: Instance): Definition {
    const writing = registry.writing(machine)
    const { version } = writing.definition
    return (version > definitionVersion ? writing : writing.at(definitionVersion)).definition
  }

  async function create(
    machine: string,
    input: unknown,
    { actor, key }: CreateOptions & Keyed,
  ): Promise<CreateOutcome | Replayed> {
    assertOpen()
    const renewal = ensure()
    if (renewal !== undefined) await whenAvailable(renewal)
    const parsed = parseInput(registry.writing(machine).definition, input)
    const caller = parseActor(actor)
    const span = tracer?.begin('create', { attributes: { machine } })
    const created = new Promise<CreateOutcome | Replayed>((settle, fail) => {
      const arrivedAt = platform.monotonicMs()
      const pending = {
        uid: platform.uid(),
        actor: traced(caller, span),
        span,
        arrivedAt,
        attempts: 0,
        settle,
        fail,
      }
      committer.submit(platform.uid(), { kind: 'create', machine, input: parsed, key, ...pending })
    })
    return confirmed(key, noted(created, { machine, event: 'create', span, meter }))
  }

  async function send(
    id: string,
    event: Command,
    { actor, ifVersion, loaded, key, preconditions = [] }: SendOptions & Keyed,
  ): Promise<Outcome | Replayed> {
    assertOpen()
    const renewal = ensure()
    if (renewal !== undefined) await whenAvailable(renewal)
    const given = loaded === undefined ? undefined : known.noteRead(loaded.row, loaded.readStartedAt)
    const instance = given ?? known.cache.get(id)?.instance ?? (await read(id))
    assertOpen() // it may have been closed while the database was asked
    if (instance === undefined) throw new UnknownInstanceError(id)
    const definition = definitionFor(instance)
    const parsed = parseCommand(definition, event)
    const caller = parseActor(actor)
    const { machine } = instance
    const attributes = { machine, event: parsed.type, instance: id }
    const span = tracer?.begin('transition', { attributes })
    const sent = new Promise<Outcome | Replayed>((settle, fail) => {
      committer.submit(id, {
        kind: 'command',
        uid: platform.uid(),
        actor: traced(caller, span),
        span,
        arrivedAt: loaded?.readStartedAt ?? platform.monotonicMs(),
        attempts: 0,
        event: parsed,
        isUrgent: definition.urgent.includes(parsed.type),
        ifVersion,
        key,
        preconditions,
        settle,
        fail,
      })
    })
    return confirmed(key, noted(sent, { machine, event: parsed.type, span, meter }))
  }

  return {
    create: create as Engine['create'],
    send: send as Engine['send'],
    get,
    async at(id, version) {
      if (!isUuid(id)) return undefined
      const journal = await store.history(id, 0, version)
      const first = journal[0]
      const machine = first === undefined ? undefined : (await get(id))?.machine
      if (machine === undefined || journal.length < version) return undefined
      return replay(registry.get(machine), id, journal).current
    },

    restore: row => known.restore(row),
    recall: (id, version) => known.recall(id, version),
    history: async (id, { after = 0, limit = MAX_HISTORY_PAGE } = {}) =>
      isUuid(id) ? store.history(id, after, Math.min(limit, MAX_HISTORY_PAGE)) : [],
    deadLetters: ({ before, limit = MAX_DEAD_LETTERS_PAGE } = {}) =>
      store.deadLetters(before, Math.min(limit, MAX_DEAD_LETTERS_PAGE)),
    redrive,
    drop: id => store.drop(id),
    ring: id => whenAvailable(ring(id)),
    membership: () => ({ state: membership.state(), writing: registry.written() }),
    refuseFromMemory: (id, eventType) => known.refuseFromMemory(id, eventType),
    now: () => clock.now(),
    clockOffsetMs: () => clock.offsetMs,

    async start({ timers: shallFire = true, sweeps = true } = {}) {
      await syncClock()
      await membership.join()
      hasJoined = true
      keepClockInStep()
      continuity.start()
      firesTimers = shallFire
      if (firesTimers) {
        timers.start()
        rearm.start()
        await wakeups?.listen(dueAt => timers.noteDue(dueAt))
      }
      delivery.start({ sweeps })
    },

    standDown,

    async close({ withinMs = CLOSE_WITHIN_MS } = {}) {
      closed = true
      firesTimers = false
      cancelClockSync()
      continuity.stop()
      const deadline = platform.monotonicMs() + withinMs
      await untilDeadline(Promise.all([timers.stop(), rearm.stop()]), deadline)
      await untilDeadline(committer.idle(), deadline)
      await untilDeadline(delivery.stop(), deadline)
      await handOver()
      if (hasJoined) await untilDeadline(membership.leave(), deadline)
    },
  }
}

/** The error for a caller when the database is unavailable, or when only another process knows the version. */
async function whenAvailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw unavailable(error)
  }
}
