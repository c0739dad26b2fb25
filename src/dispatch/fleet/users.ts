import { LRUCache } from 'lru-cache'
import { SlabMap } from '../../concurrency/slab.js'
import { onRecord } from '../admin/on-record.js'
import type { Caller } from '../api.js'
import type { Parts } from '../parts.js'
import { ok, type Result } from '../problems.js'
import { unlessLost } from './unless-lost.js'

/** How long another process may go on serving a user that was turned off. Accepts look for themselves. */
const ACTIVE_FOR_MS = 5_000
const MAX_USERS_KEPT = 100_000

type UserParts = Pick<Parts, 'admin' | 'fleet' | 'presence' | 'fanout' | 'log'>

interface Seen {
  readonly isActive: boolean
}

export class Users {
  readonly #parts: UserParts
  readonly #active = new LRUCache<string, Seen>({ max: MAX_USERS_KEPT, ttl: ACTIVE_FOR_MS })
  readonly #looks = new SlabMap<Promise<Seen>>()

  constructor(parts: UserParts) {
    this.#parts = parts
  }

  /** Many requests of one user at once ask the database once. */
  async isActive({ id }: Caller): Promise<boolean> {
    const { isActive } = this.#active.get(id) ?? (await (this.#looks.get(id) ?? this.#look(id)))
    return isActive
  }

  /** Who waits for a look while the user is changed gets what the look found; it is not kept then. */
  async #look(id: string): Promise<Seen> {
    const look = this.#parts.fleet.seeUser(id)
    this.#looks.set(id, look)
    const isLatest = () => this.#looks.get(id) === look
    try {
      const seen = await look
      if (isLatest()) this.#active.set(id, seen)
      return seen
    } finally {
      if (isLatest()) this.#looks.delete(id)
    }
  }

  #note(id: string, isActive: boolean): void {
    this.#looks.delete(id)
    this.#active.set(id, { isActive })
  }

  async inactiveAmong(ids: readonly string[]): Promise<readonly string[]> {
    const inactive = await this.#parts.fleet.inactiveAmong(ids)
    for (const id of inactive) this.#note(id, false)
    return inactive
  }

  async setActive(
    caller: Caller,
    id: string,
    active: boolean,
  ): Promise<Result<{ id: string; active: boolean }>> {
    const action = { action: active ? 'user.activate' : 'user.deactivate', target: id, detail: {} }
    return onRecord(this.#parts, caller, action, async () => {
      const { fleet, presence, fanout } = this.#parts
      await fleet.setUserActive(id, active)
      this.#note(id, active)
      if (!active) {
        fanout.disconnectUser(id)
        await unlessLost(Promise.all([presence.dropTransporter(id), presence.dropDriver(id)]))
      }
      return ok({ id, active })
    })
  }
}
