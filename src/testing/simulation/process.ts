/*
 * A simulated process: the real engine on virtual time. After it dies, its alarms do not ring and its answers reach no
 * caller, but its messages in progress still arrive. Another process takes its place under the same name.
 */
import type { Engine } from '../../runtime/api.js'
import { createClock } from '../../runtime/clock.js'
import type { Definition } from '../../runtime/definition.js'
import { createEngine } from '../../runtime/engine.js'
import type { FaultPoint } from '../../runtime/faults.js'
import type { Platform } from '../../runtime/platform.js'
import type { Store, Wakeups } from '../../runtime/ports.js'
import type { EmittedEvent, Subscriber } from '../../runtime/types.js'
import { uuidAt } from './chance.js'
import { connect } from './connection.js'
import { EPOCH_MS, type World } from './world.js'

/** How a simulated system differs from the intended one. Mutants use this. */
export interface Alterations {
  /** Between the network and the database: changes what a statement does. */
  database?(store: Store, world: World): Store
  /** Between the engine and the network. */
  store?(store: Store, world: World): Store
  engine?(engine: Engine, world: World): Engine
  definition?(definition: Definition, process: { readonly node: number; readonly start: number }): Definition
  /** Between what the engine delivers and the subscriber. */
  subscriber?(subscriber: Subscriber, world: World): Subscriber
}

export interface ProcessOptions {
  readonly world: World
  readonly name: string
  readonly node: number
  /** The number of earlier processes under this name. */
  readonly start: number
  readonly definition: Definition
  readonly alterations: Alterations
  readonly firesTimers: boolean
  readonly onDelivered: (event: EmittedEvent) => void
  readonly onDied: (process: SimulatedProcess) => void
  readonly onAnnounced: (dueAt: number) => void
}

/** A start whose first queries got no answer is repeated after this, as a process manager would do. */
const START_AGAIN_MS = 500

export class SimulatedProcess {
  readonly name: string
  readonly engine: Engine
  isAlive = true
  /** The process has set its clock. Balancers send it nothing before that. */
  isReady = false
  readonly #world: World
  readonly #firesTimers: boolean
  readonly #onDied: (process: SimulatedProcess) => void
  #onWake: (dueAt: number) => void = () => {}
  #diesAt: FaultPoint | undefined
  #pausedUntil = 0

  constructor(options: ProcessOptions) {
    const { world, name, alterations } = options
    this.name = name
    this.#world = world
    this.#firesTimers = options.firesTimers
    this.#onDied = options.onDied
    const platform = this.#platform()
    const skewMs = world.chance.between(-1, 1) * world.mishaps.clockSkewMs
    const store = connect(world, this, alterations.database)
    const recorder = this.#recorder(options.onDelivered)
    const engine = createEngine({
      store: alterations.store?.(store, world) ?? store,
      definitions: [alterations.definition?.(options.definition, options) ?? options.definition],
      subscribers: [alterations.subscriber?.(recorder, world) ?? recorder],
      clock: createClock(() => EPOCH_MS + world.time.now + skewMs),
      wakeups: this.#wakeups(options.onAnnounced),
      faults: point => this.reach(point),
      platform,
    })
    this.engine = alterations.engine?.(engine, world) ?? engine
  }

  start(): void {
    const again = () => this.ifAlive(() => this.start())
    this.engine.start({ timers: this.#firesTimers }).then(
      () => {
        this.isReady = true
      },
      () => this.#world.time.after(START_AGAIN_MS, again),
    )
  }

  /** The process dies when it next reaches `point`. */
  dieAt(point: FaultPoint | undefined): void {
    this.#diesAt = point
  }

  die(why: string): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#world.trace.note(this.name, this.name, `dies: ${why}`)
    this.#onDied(this)
  }

  /** The engine calls this at its fault points. */
  reach(point: FaultPoint): Promise<void> | void {
    if (this.isAlive && point === this.#diesAt) this.die(point)
    if (!this.isAlive) return new Promise(() => {})
  }

  wake(dueAt: number): void {
    this.ifAlive(() => this.#onWake(dueAt))
  }

  /** Pauses the process: all work in it waits until then. */
  pause(forMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#world.time.now + forMs)
    this.#world.trace.note(this.name, this.name, `is paused for ${forMs} ms`)
  }

  /** Runs work of the process: at once, after its pause, or never if it has died. */
  ifAlive(work: () => void): void {
    const { time } = this.#world
    if (!this.isAlive) return
    if (time.now >= this.#pausedUntil) work()
    else time.after(this.#pausedUntil - time.now, () => this.ifAlive(work))
  }

  #platform(): Platform {
    const { time, chance } = this.#world
    return {
      monotonicMs: () => time.now,
      after: (delayMs, work) => time.after(delayMs, () => this.ifAlive(work)),
      soon: work => void time.after(0, () => this.ifAlive(work)),
      random: () => chance.next(),
      uid: () => uuidAt(EPOCH_MS + time.now, chance),
    }
  }

  #recorder(onDelivered: (event: EmittedEvent) => void): Subscriber {
    const { time, chance, trace } = this.#world
    const name = this.name
    const isAlive = () => this.isAlive
    const mishaps = () => this.#world.mishaps
    return {
      name: 'recorder',
      wants: () => true,
      async handle(event) {
        if (!isAlive()) return
        const fails = chance.happens(mishaps().subscriberFails)
        if (fails && chance.happens(0.5)) throw new Error('the subscriber failed before it had done anything')
        trace.note(
          name,
          'subscriber',
          `${event.type} ${event.instance.slice(-4)} v${event.version}.${event.index}`,
        )
        onDelivered(event)
        await time.sleep(chance.between(0, 1))
        if (fails) throw new Error('the subscriber failed after it had done its work')
      },
    }
  }

  #wakeups(onAnnounced: (dueAt: number) => void): Wakeups {
    const { chance } = this.#world
    return {
      announce: dueAt => {
        if (this.isAlive && !chance.happens(this.#world.mishaps.wakeUpLost)) onAnnounced(dueAt)
      },
      listen: async onWake => {
        this.#onWake = onWake
      },
      close: async () => {},
    }
  }
}
