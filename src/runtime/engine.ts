/*
 * The durable engine: it takes commands and timers, and makes guarded commits and deliveries. It knows definitions, and
 * nothing about what they are for.
 */
import { Periodic } from '../concurrency/periodic.js'
import type { Engine } from './api.js'
import type { EngineOptions } from './engine-options.js'
import { OverloadedError, whenAvailable } from './errors.js'
import { createInstances } from './instances.js'
import { createSending } from './sending.js'
import { createServices, type Services } from './services.js'
import { shutDown, standDown } from './shutdown.js'

export type { EngineOptions } from './engine-options.js'

/** Clocks of machines drift by some milliseconds an hour. The clock of a paused virtual machine jumps. */
const CLOCK_SYNC_EVERY_MS = 30_000
/** Longer than a commit that is resent, and shorter than the time after which orchestrators kill a process. */
const CLOSE_WITHIN_MS = 15_000
/** Each may hold the text of an error. */
const MAX_DEAD_LETTERS_PAGE = 200

/**
 * Makes an engine, which accepts commands at once. `start` begins to fire timers and to sweep the outbox. Throws
 * `DefinitionError` with all faults of the definitions.
 */
export function createEngine(options: EngineOptions): Engine {
  const services = createServices(options, reason => {
    services.log.fatal({ err: reason }, 'this process can no longer serve: it knows only an older definition')
    standDown(services)
    options.onUnfit?.(reason)
  })
  const { store, registry, membership, known, clock } = services
  let closed = false
  let hasJoined = false

  const syncClock = () => clock.sync(() => store.now())
  const clockSync = new Periodic({
    everyMs: CLOCK_SYNC_EVERY_MS,
    work: syncClock,
    onFailure: error => services.log.error({ err: error }, "the clock could not be set by the database's"),
    alarms: services.platform,
  })

  function assertOpen(): void {
    if (closed) throw new OverloadedError('The engine is closing', 1)
  }

  const instances = createInstances(services)
  const { create, send } = createSending({ ...services, assertOpen, read: instances.get })

  return {
    create: create as Engine['create'],
    send: send as Engine['send'],
    ...instances,
    restore: row => known.restore(row),
    recall: (id, version) => known.recall(id, version),
    refuseFromMemory: (id, eventType) => known.refuseFromMemory(id, eventType),
    ...deadLettersOf(services),
    ring: id => whenAvailable(ring(services, id)),
    membership: () => ({ state: membership.state(), writing: registry.written() }),
    now: () => clock.now(),
    clockOffsetMs: () => clock.offsetMs,

    async start({ timers: shallFire = true, sweeps = true } = {}) {
      await syncClock()
      await membership.join()
      hasJoined = true
      if (!closed) clockSync.start()
      await startServices(services, { shallFire, sweeps })
    },

    standDown: () => standDown(services),

    async close({ withinMs = CLOSE_WITHIN_MS } = {}) {
      closed = true
      clockSync.stop()
      await shutDown(services, { withinMs, hasJoined })
    },
  }
}

async function startServices(
  { continuity, dueTimers, timers, rearm, wakeups, delivery }: Services,
  { shallFire, sweeps }: { shallFire: boolean; sweeps: boolean },
): Promise<void> {
  continuity.start()
  dueTimers.areFiredHere = shallFire
  if (shallFire) {
    timers.start()
    rearm.start()
    await wakeups?.listen(dueAt => timers.noteDue(dueAt))
  }
  delivery.start({ sweeps })
}

function deadLettersOf({
  store,
  dueTimers,
  clock,
}: Services): Pick<Engine, 'deadLetters' | 'redrive' | 'drop'> {
  return {
    deadLetters: ({ before, limit = MAX_DEAD_LETTERS_PAGE } = {}) =>
      store.deadLetters(before, Math.min(limit, MAX_DEAD_LETTERS_PAGE)),
    async redrive(id) {
      const isRedriven = await store.redrive(id)
      if (isRedriven) dueTimers.note(clock.now()) // it may be a timer
      return isRedriven
    },
    drop: id => store.drop(id),
  }
}

/** Fires the overdue timers of an instance, and arms missing ones. */
async function ring(services: Services, id: string): Promise<void> {
  if ((await fireDue(services, id)) === 0 && (await services.rearm.check(id)) > 0) await fireDue(services, id)
}

async function fireDue({ store, fire }: Services, id: string): Promise<number> {
  const due = await store.dueTimers(id)
  await Promise.all(due.map(fire))
  return due.length
}
