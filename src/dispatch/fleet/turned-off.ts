/*
 * What ends with a person that is turned off: a customer's seeking request, and the presence of drivers and transporters.
 * The row that says so is written first. Whoever wrote it may die then, and requests and heartbeats that were let in before
 * may come after: so a sweep does the same for all that were turned off lately, as often as it finds something.
 */
import { Periodic } from '../../concurrency/periodic.js'
import type { Engine } from '../../runtime/api.js'
import type { Actor } from '../../runtime/types.js'
import { actorOf } from '../access.js'
import type { Parts } from '../parts.js'
import type { Caller, Person } from '../person.js'
import type { DriverStatus } from './driver-status.js'
import { orUndefined } from './or-undefined.js'

/** An end is promised to be felt within a second or two. Finding nobody is a look-up in an index. */
const SWEEP_EVERY_MS = 1_000
/** A create that was let in before is committed within seconds; one of a process that was paused may come later. */
const REQUESTS_WITHIN_MS = 600_000
/** Heartbeats are let in for as long as a process of the release before knows nothing better: 5 s, and their way. */
const PRESENCE_WITHIN_MS = 15_000

const REASON = 'The customer was turned off'

interface TurnedOffParts extends Pick<Parts, 'fleet' | 'presence' | 'log'> {
  readonly engine: Engine
  readonly driverStatus: DriverStatus
}

export class TurnedOff {
  readonly sweep: Periodic
  readonly #parts: TurnedOffParts
  #hasLookedAtAll = false

  constructor(parts: TurnedOffParts) {
    this.#parts = parts
    this.sweep = new Periodic({
      everyMs: SWEEP_EVERY_MS,
      work: () => this.#turn(),
      onFailure: error =>
        parts.log.warn({ err: error }, 'people that were turned off could not be looked for'),
    })
  }

  /** The caller is an administrator. What fails is done by the next sweep. */
  async follow(person: Person, caller: Caller): Promise<void> {
    try {
      if (person.role === 'customer') {
        const requests = await this.#parts.fleet.requestsOfInactive({ customerId: person.id })
        for (const id of requests) await this.#cancel(id, { ...actorOf(caller), reason: REASON })
      } else await this.#endPresence(person)
    } catch (error) {
      this.#parts.log.warn(
        { err: error, role: person.role },
        'what ends with a person is left to the next sweep',
      )
    }
  }

  async #turn(): Promise<void> {
    const { fleet } = this.#parts
    // The first time everybody: whoever turned a customer off may have died while nobody was there.
    const withinMs = this.#hasLookedAtAll ? REQUESTS_WITHIN_MS : undefined
    for (const id of await fleet.requestsOfInactive({ withinMs })) {
      await this.#cancel(id, { id: 'turned-off', role: 'system', reason: REASON })
    }
    this.#hasLookedAtAll = true
    for (const person of await fleet.endedWithin(PRESENCE_WITHIN_MS)) {
      if (!person.isActive) await this.#endPresence(person)
    }
  }

  /** As its customer would. Trips that have started stay: they carry somebody's load. It may have ended by itself meanwhile. */
  async #cancel(id: string, actor: Actor): Promise<void> {
    await this.#parts.engine.send(id, { type: 'cancel', reason: REASON }, { actor })
  }

  async #endPresence({ role, id }: Person): Promise<void> {
    const { fleet, presence, driverStatus } = this.#parts
    if (role === 'transporter') await orUndefined(presence.dropTransporter(id))
    if (role !== 'driver') return
    // In the database too: it is what counts while presence is lost.
    const set = await fleet.setDriver(id, { isSwitchedOn: false })
    const dropped = await orUndefined(presence.dropDriver(id))
    if (set.kind === 'set' && dropped?.wasOnline !== false) driverStatus.note(id, set.driver.transporterId)
  }
}
