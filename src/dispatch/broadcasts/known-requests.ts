/*
 * What subscribers need to know of a request besides the event. Facts that never change are cached. The present
 * snapshot is taken from the commit if this process has just made it. Otherwise it is read once for all callers that
 * need it for the same commit.
 */
import { LRUCache } from 'lru-cache'
import { SlabMap } from '../../concurrency/slab.js'
import { findTrip, type TripStatus } from '../../machines/index.js'
import type { Engine } from '../../runtime/api.js'
import type { EmittedEvent } from '../../runtime/types.js'
import { defined } from '../../types/defined.js'
import type { TripSurroundings } from '../ports.js'
import { asBroadcast, type Broadcast } from './broadcast.js'

/** Each entry saves one read for each event. About 10 MB. */
const MAX_KEPT = 10_000

/**
 * An event is delivered within a second, unless its process died or the database was away. Then another process takes
 * over after 5 s (a delivery's lease). Until then a trip is shown as the event has it, which costs no read.
 */
const LATE_AFTER_MS = 5_000

type Reading = { readonly version: number; readonly broadcast: Promise<Broadcast> }

export class KnownRequests {
  readonly #engine: Engine
  readonly #kept = new LRUCache<string, TripSurroundings>({ max: MAX_KEPT })
  readonly #reading = new SlabMap<Reading>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The facts of the request that never change. `version`: as in `read`, that of the event that is being handled. */
  async surroundings(id: string, version: number): Promise<TripSurroundings> {
    const kept = this.#kept.get(id)
    if (kept !== undefined) return kept
    const { customerId, pickup, drop, goods } = (await this.read(id, version)).snapshot.context
    const surroundings = { customerId, pickup, drop, ...defined({ goods }) }
    this.#kept.set(id, surroundings)
    return surroundings
  }

  /** Whether so much time has passed since the event that its trip may have ended without this process knowing. */
  isLate({ at }: Pick<EmittedEvent, 'at'>): boolean {
    return this.#engine.now() - at > LATE_AFTER_MS
  }

  /** Reads a trip's status anew, because this process may remember an old one. */
  async tripStatus(id: string, tripId: string): Promise<TripStatus | null> {
    return findTrip((await this.#read(id)).snapshot.context, tripId)?.status ?? null
  }

  /** The request now, or a moment ago, but not before `version`, which is known to be committed. */
  async read(id: string, version: number): Promise<Broadcast> {
    const recalled = this.#engine.recall(id, version)
    return recalled === undefined ? this.#readOnce(id, version) : asBroadcast(recalled)
  }

  #readOnce(id: string, version: number): Promise<Broadcast> {
    const reading = this.#reading.get(id)
    if (reading !== undefined && reading.version >= version) return reading.broadcast
    const broadcast = this.#read(id).finally(() => {
      if (this.#reading.get(id)?.broadcast === broadcast) this.#reading.delete(id)
    })
    this.#reading.set(id, { version, broadcast })
    return broadcast
  }

  async #read(id: string): Promise<Broadcast> {
    const instance = await this.#engine.get(id)
    if (instance === undefined) throw new Error(`Expected ${id}, which emitted an event, to exist`)
    return asBroadcast(instance)
  }
}
