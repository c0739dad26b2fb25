/*
 * The timers that this process has leased. They are fired in order when they are due, and held until their commits are
 * done.
 */
import type { Logger } from 'pino'
import { SlabMap } from '../../concurrency/slab.js'
import type { Clock } from '../clock.js'
import type { Cancel, Platform } from '../platform.js'
import type { StoredTimer } from '../ports.js'
import type { Meter } from '../telemetry.js'
import { compareTimers } from './timer-order.js'

/** Leased and not yet committed: bounds memory when a hundred thousand are overdue. */
export const MAX_UNDER_WAY = 2_000
/** An alarm may ring a little early: it is set again, but not in a tight loop. */
const SHORTEST_SLEEP_MS = 1

export interface LeasedTimersOptions {
  readonly clock: Clock
  /** Sends the timer's event to its instance; resolves when it is committed, void or failed. */
  readonly fire: (timer: StoredTimer) => Promise<void>
  /** Called with the instances whose timers are about to be fired. */
  readonly prepare?: ((instances: readonly string[]) => void) | undefined
  readonly log: Logger
  readonly platform: Platform
  readonly meter?: Meter | undefined
  /** Called when half of the limit is done, so that more timers can be leased. */
  readonly onRoom: () => void
}

export class LeasedTimers {
  readonly #options: LeasedTimersOptions
  readonly #underWay = new SlabMap<StoredTimer>()
  /** Timers that are not due yet, the first one last. */
  readonly #early: StoredTimer[] = []
  readonly #whenNoneIsEarly: (() => void)[] = []
  #cancelAlarm: Cancel | undefined

  constructor(options: LeasedTimersOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#underWay.size
  }

  held(): readonly StoredTimer[] {
    return [...this.#underWay.values()]
  }

  take(leased: readonly StoredTimer[]): void {
    const { clock, prepare } = this.#options
    // A timer whose lease expired, and that was leased here again, is not new.
    const added = leased.filter(timer => !this.#underWay.has(nameOf(timer)))
    for (const timer of added) this.#underWay.set(nameOf(timer), timer)
    this.#early.push(...added)
    this.#early.sort((a, b) => compareTimers(b, a))
    this.#fireWhatIsDue()
    const near = added.filter(({ dueAt }) => dueAt > clock.now())
    if (near.length > 0) prepare?.([...new Set(near.map(({ instance }) => instance))])
  }

  /** Resolves when all timers have been passed to their instances. */
  async noneIsEarly(): Promise<void> {
    if (this.#early.length > 0) await new Promise<void>(resolve => this.#whenNoneIsEarly.push(resolve))
  }

  #fireWhatIsDue(): void {
    const { clock, platform } = this.#options
    this.#cancelAlarm?.()
    this.#cancelAlarm = undefined
    for (let next = this.#early.at(-1); next !== undefined; next = this.#early.at(-1)) {
      if (next.dueAt > clock.now()) {
        this.#cancelAlarm = platform.after(delayUntil(next.dueAt, clock), () => this.#fireWhatIsDue())
        return
      }
      this.#early.pop()
      this.#fire(next)
    }
    for (const resolve of this.#whenNoneIsEarly.splice(0)) resolve()
  }

  #fire(timer: StoredTimer): void {
    const { clock, fire, log, meter, onRoom } = this.#options
    meter?.timerFired(timer.machine, clock.now() - timer.dueAt)
    fire(timer)
      .catch(error =>
        log.error({ err: error, instance: timer.instance }, 'a timer failed; its lease will run out'),
      )
      .finally(() => {
        this.#underWay.delete(nameOf(timer))
        if (this.#underWay.size === MAX_UNDER_WAY / 2) onRoom()
      })
  }
}

/** Milliseconds until `time`, the engine's time, for an alarm. */
export const delayUntil = (time: number, clock: Clock) => Math.max(time - clock.now(), SHORTEST_SLEEP_MS)

const nameOf = ({ instance, generation, sendId }: StoredTimer) => `${instance} ${generation} ${sendId}`
