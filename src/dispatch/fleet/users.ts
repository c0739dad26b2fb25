import { LRUCache } from 'lru-cache'
import { onRecord } from '../admin/on-record.js'
import type { Caller } from '../api.js'
import type { Parts } from '../parts.js'
import { ok, type Result } from '../problems.js'
import { unlessLost } from './unless-lost.js'

/** How long another process may go on serving a user that was turned off. Accepts look for themselves. */
const ACTIVE_FOR_MS = 5_000
const MAX_USERS_KEPT = 100_000

type UserParts = Pick<Parts, 'admin' | 'fleet' | 'presence' | 'fanout' | 'log'>

export class Users {
  readonly #parts: UserParts
  readonly #active: LRUCache<string, { isActive: boolean }>

  constructor(parts: UserParts) {
    this.#parts = parts
    this.#active = new LRUCache({
      max: MAX_USERS_KEPT,
      ttl: ACTIVE_FOR_MS,
      fetchMethod: id => parts.fleet.seeUser(id),
      // Who waits for a look while the user is changed gets what the look found, not an exception.
      ignoreFetchAbort: true,
    })
  }

  /** Many requests of one user at once ask the database once. */
  async isActive({ id }: Caller): Promise<boolean> {
    const user = await this.#active.fetch(id)
    if (user === undefined) throw new Error('A look at a user was given up')
    return user.isActive
  }

  async inactiveAmong(ids: readonly string[]): Promise<readonly string[]> {
    const inactive = await this.#parts.fleet.inactiveAmong(ids)
    for (const id of inactive) this.#active.set(id, { isActive: false })
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
      this.#active.set(id, { isActive: active })
      if (!active) {
        fanout.disconnectUser(id)
        await unlessLost(Promise.all([presence.dropTransporter(id), presence.dropDriver(id)]))
      }
      return ok({ id, active })
    })
  }
}
