/* A driver's own presence. The driver switches itself on, and its heartbeats keep it online. */
import { LRUCache } from 'lru-cache'
import { defined } from '../../types/defined.js'
import type { Parts } from '../parts.js'
import type { Caller } from '../person.js'
import type { DriverFacts } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import type { CatchUp } from '../reach/catch-up.js'
import type { DriverHeartbeat } from '../requests.js'
import { DriverFactsReader } from './driver-facts.js'
import type { DriverStatus } from './driver-status.js'
import { orUndefined } from './or-undefined.js'

/** How long heartbeats of a driver that was found switched off are answered without a read of the database. */
const SWITCHED_OFF_FOR_MS = 5_000
const MAX_SWITCHED_OFF = 50_000

const NOT_REGISTERED = 'No transporter has this driver in its fleet'

interface DriverParts extends Pick<Parts, 'fleet' | 'presence'> {
  readonly catchUp: CatchUp
  readonly driverStatus: DriverStatus
}

export class Drivers {
  readonly #parts: DriverParts
  readonly #facts: DriverFactsReader
  /** Driver → the vehicle that it named last when it was found switched off. */
  readonly #switchedOff = new LRUCache<string, { vehicleId: string | undefined }>({
    max: MAX_SWITCHED_OFF,
    ttl: SWITCHED_OFF_FOR_MS,
  })

  constructor(parts: DriverParts) {
    this.#parts = parts
    this.#facts = new DriverFactsReader(parts.fleet)
  }

  /** Switching on counts as a heartbeat without a location. */
  async setAvailability(
    caller: Caller,
    { isOnline, vehicleId }: { isOnline: boolean; vehicleId?: string | undefined },
  ): Promise<Result<{ isOnline: boolean }>> {
    const { fleet, presence, catchUp, driverStatus } = this.#parts
    const change = { isSwitchedOn: isOnline, ...defined({ vehicleId }) }
    const set = await fleet.setDriver(caller.id, change)
    if (set.kind === 'missing') return problem('NOT_FOUND', { detail: NOT_REGISTERED })
    if (set.kind === 'vehicleNotInFleet') return problem('VEHICLE_NOT_IN_FLEET')
    const { transporterId } = set.driver
    this.#switchedOff.delete(caller.id)
    const facts = { transporterId, vehicle: set.vehicle }
    const before = await orUndefined(
      isOnline ? this.#putPresent(caller.id, facts) : presence.dropDriver(caller.id),
    )
    // While presence is lost the earlier state is unknown, so the state is sent in any case.
    if (before?.wasOnline !== isOnline) driverStatus.note(caller.id, transporterId)
    if (isOnline) catchUp.request(transporterId)
    return ok({ isOnline })
  }

  /** Never switches a driver on. Needs no statement while presence knows the driver and its vehicle is the same. */
  async heartbeat(
    caller: Caller,
    { lat, lng, vehicleId }: DriverHeartbeat,
  ): Promise<Result<Record<string, never>>> {
    const { presence, catchUp, driverStatus } = this.#parts
    const place = { lat, lng }
    const beat = await orUndefined(presence.beatDriver(caller.id, place))
    // The next heartbeat comes within seconds and fills presence when it is back.
    if (beat === undefined) return ok({})
    if (!beat.isKnown) return this.#beatUnknown(caller, place, vehicleId, beat.isRefill === true)
    const changesVehicle = vehicleId !== undefined && vehicleId !== beat.vehicleId
    if (changesVehicle) {
      const changed = await this.#changeVehicle(caller.id, vehicleId)
      if (!changed.ok) return changed
    }
    if (beat.areFactsOld) await this.#renewFacts(caller.id, beat.transporterId)
    if (beat.wasLapsed) driverStatus.note(caller.id, beat.transporterId)
    if (beat.wasLapsed || beat.isFirstPlace || changesVehicle) catchUp.request(beat.transporterId)
    return ok({})
  }

  /** Presence does not know the driver: it is switched off, or presence was lost. The database knows which. */
  async #beatUnknown(
    { id }: Caller,
    place: { lat: number; lng: number },
    vehicleId: string | undefined,
    isRefill: boolean,
  ): Promise<Result<Record<string, never>>> {
    const { catchUp, driverStatus } = this.#parts
    const off = this.#switchedOff.get(id)
    if (off !== undefined && (vehicleId === undefined || vehicleId === off.vehicleId)) return ok({})
    if (vehicleId !== undefined) {
      const changed = await this.#changeVehicle(id, vehicleId)
      if (!changed.ok) return changed
    }
    const facts = await this.#facts.read(id)
    if (facts === undefined) return problem('NOT_FOUND', { detail: NOT_REGISTERED })
    if (!facts.isSwitchedOn) {
      this.#switchedOff.set(id, { vehicleId: facts.vehicle?.id })
      return ok({})
    }
    const { transporterId, vehicle } = facts
    const put = await orUndefined(this.#putPresent(id, { transporterId, vehicle, place }))
    // Presence was lost, not the driver. Nothing about it has changed, and available transporters were offered
    // everything.
    if (isRefill || put === undefined || put.wasOnline) return ok({})
    driverStatus.note(id, transporterId)
    catchUp.request(transporterId)
    return ok({})
  }

  /** Ends the presence of a driver that has left its fleet. Its next transporter must not get what was known before. */
  async leftFleet(id: string): Promise<void> {
    this.#switchedOff.delete(id)
    await orUndefined(this.#parts.presence.dropDriver(id))
  }

  /**
   * The driver may have left the fleet, or been switched off, after `facts` were read. Presence may then have been
   * updated before this call, so the facts are read again.
   */
  async #putPresent(
    id: string,
    facts: Pick<DriverFacts, 'transporterId' | 'vehicle'> & { place?: { lat: number; lng: number } },
  ): Promise<{ wasOnline: boolean }> {
    const put = await this.#parts.presence.putDriver(id, facts)
    const now = await this.#facts.read(id)
    const isStill = now?.isSwitchedOn && now.transporterId === facts.transporterId
    if (!isStill) await this.#parts.presence.dropDriver(id)
    return put
  }

  /** Catches up on changes that presence missed while it was lost: switched off, deleted, another vehicle. */
  async #renewFacts(id: string, transporterId: string): Promise<void> {
    const { presence, driverStatus } = this.#parts
    const facts = await this.#facts.read(id)
    if (facts?.isSwitchedOn) return void (await orUndefined(this.#putPresent(id, facts)))
    const dropped = await orUndefined(presence.dropDriver(id))
    if (dropped?.wasOnline) driverStatus.note(id, transporterId)
  }

  async #changeVehicle(driverId: string, vehicleId: string): Promise<Result<undefined>> {
    const { fleet, presence } = this.#parts
    const set = await fleet.setDriver(driverId, { vehicleId })
    if (set.kind === 'missing') return problem('NOT_FOUND', { detail: NOT_REGISTERED })
    if (set.kind === 'vehicleNotInFleet') return problem('VEHICLE_NOT_IN_FLEET')
    await orUndefined(presence.setVehicle([driverId], set.vehicle))
    return ok(undefined)
  }
}
