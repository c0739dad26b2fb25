/*
 * Ends what a person that is turned off has open: a customer's seeking request, and the presence of drivers and
 * transporters. The person's row is written first. The process that wrote it may die then, and requests and heartbeats
 * that were admitted before may follow. So a sweep repeats this for all people that were turned off lately.
 */
import { Periodic } from '../../concurrency/periodic.js'
import type { Engine } from '../../runtime/api.js'
import type { Actor } from '../../runtime/types.js'
import { actorOf } from '../access.js'
import type { Parts } from '../parts.js'
import type { Caller, Person } from '../person.js'
import type { DriverStatus } from './driver-status.js'
import { orUndefined } from './or-undefined.js'

/** It must take effect within a second or two. Finding nobody costs one index look-up. */
const SWEEP_EVERY_MS = 1_000
/** A create that was admitted before commits within seconds. One of a paused process may come later. */
const REQUESTS_WITHIN_MS = 600_000
/** Processes of the previous release admit heartbeats for 5 s more, and these need time to arrive. */
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
      onFailure: error => parts.log.warn({ err: error }, 'people that were turned off could not be read'),
    })
  }

  /** The caller is an administrator. If something fails, the next sweep does it. */
  async follow(person: Person, caller: Caller): Promise<void> {
    try {
      if (person.role === 'customer') {
        const requests = await this.#parts.fleet.requestsOfInactive({ customerId: person.id })
        for (const id of requests) await this.#cancel(id, { ...actorOf(caller), reason: REASON })
      } else await this.#endPresence(person)
    } catch (error) {
      this.#parts.log.warn(
        { err: error, role: person.role },
        'ending what a turned-off person has open failed; the next sweep retries',
      )
    }
  }

  async #turn(): Promise<void> {
    const { fleet } = this.#parts
    // The first sweep covers everyone: the process that turned a customer off may have died while no other was running.
    const withinMs = this.#hasLookedAtAll ? REQUESTS_WITHIN_MS : undefined
    for (const id of await fleet.requestsOfInactive({ withinMs })) {
      await this.#cancel(id, { id: 'turned-off', role: 'system', reason: REASON })
    }
    this.#hasLookedAtAll = true
    for (const person of await fleet.endedWithin(PRESENCE_WITHIN_MS)) {
      if (!person.isActive) await this.#endPresence(person)
    }
  }

  /**
   * As the customer would cancel. Trips that have started stay, because they carry a load. The request may have ended
   * by itself.
   */
  async #cancel(id: string, actor: Actor): Promise<void> {
    await this.#parts.engine.send(id, { type: 'cancel', reason: REASON }, { actor })
  }

  async #endPresence({ role, id }: Person): Promise<void> {
    const { fleet, presence, driverStatus } = this.#parts
    if (role === 'transporter') await orUndefined(presence.dropTransporter(id))
    if (role !== 'driver') return
    // In the database too, which decides while presence is lost.
    const set = await fleet.setDriver(id, { isSwitchedOn: false })
    const dropped = await orUndefined(presence.dropDriver(id))
    if (set.kind === 'set' && dropped?.wasOnline !== false) driverStatus.note(id, set.driver.transporterId)
  }
}
