import { LRUCache } from 'lru-cache'
import { SlabMap } from '../../runtime/slab.js'
import { onRecord } from '../admin/on-record.js'
import type { Caller } from '../api.js'
import type { Parts } from '../parts.js'
import { type Person, personKey } from '../person.js'
import { ok, type Result } from '../problems.js'
import { unlessLost } from './unless-lost.js'

/** How long another process may go on serving a person that was turned off. Accepts look for themselves. */
const ACTIVE_FOR_MS = 5_000
const MAX_PEOPLE_KEPT = 100_000

type PeopleParts = Pick<Parts, 'admin' | 'fleet' | 'presence' | 'fanout' | 'log' | 'settings'>

interface Seen {
  readonly isActive: boolean
}

export class People {
  readonly #parts: PeopleParts
  /** By `personKey`, as the looks under way. */
  readonly #active = new LRUCache<string, Seen>({ max: MAX_PEOPLE_KEPT, ttl: ACTIVE_FOR_MS })
  readonly #looks = new SlabMap<Promise<Seen>>()

  constructor(parts: PeopleParts) {
    this.#parts = parts
  }

  /** Many requests of one person at once ask the database once. */
  async isActive(person: Person): Promise<boolean> {
    const key = personKey(person)
    const { isActive } = this.#active.get(key) ?? (await (this.#looks.get(key) ?? this.#look(person)))
    return isActive
  }

  /** Calls that wait for a look while the person is changed get what the look found; it is not kept then. */
  async #look(person: Person): Promise<Seen> {
    const key = personKey(person)
    const look = this.#parts.fleet.seePerson(person)
    this.#looks.set(key, look)
    const isLatest = () => this.#looks.get(key) === look
    try {
      const seen = await look
      if (isLatest()) this.#active.set(key, seen)
      return seen
    } finally {
      if (isLatest()) this.#looks.delete(key)
    }
  }

  #note(person: Person, isActive: boolean): void {
    const key = personKey(person)
    this.#looks.delete(key)
    this.#active.set(key, { isActive })
  }

  async inactiveAmong(people: readonly Person[]): Promise<readonly Person[]> {
    const inactive = await this.#parts.fleet.inactiveAmong(people)
    for (const person of inactive) this.#note(person, false)
    return inactive
  }

  async setActive(
    caller: Caller,
    person: Person,
    active: boolean,
  ): Promise<Result<Person & { active: boolean }>> {
    const target = personKey(person)
    const action = { action: active ? 'user.activate' : 'user.deactivate', target, detail: {} }
    return onRecord(this.#parts, caller, action, async () => {
      const { fleet, fanout } = this.#parts
      await fleet.setPersonActive(person, active)
      this.#note(person, active)
      if (!active) {
        fanout.disconnectPerson(person)
        await unlessLost(this.#dropPresence(person))
      }
      return ok({ ...person, active })
    })
  }

  async #dropPresence({ role, id }: Person): Promise<void> {
    const { presence } = this.#parts
    if (role === 'transporter') await presence.dropTransporter(id)
    if (role === 'driver') await presence.dropDriver(id)
  }
}
