/*
 * Decides who may use the product: not people that are turned off, and no tokens of ended sessions. The state of a
 * person is cached for seconds, so that a request needs no statement. The cache is trusted only while ended sessions
 * are being polled (auth/session-watch.ts).
 */
import { LRUCache } from 'lru-cache'
import { SlabMap } from '../../concurrency/slab.js'
import { onRecord } from '../admin/on-record.js'
import { sessionEnded } from '../auth/session-ended.js'
import { FRESH_FOR_MS, SessionWatch } from '../auth/session-watch.js'
import type { Parts } from '../parts.js'
import { type Caller, type Person, type PersonState, personKey } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import type { VerifiedToken } from '../tokens.js'
import type { TurnedOff } from './turned-off.js'

/** For how long another process may still refuse a person that was turned on again. */
const SEEN_FOR_MS = 5_000
const MAX_PEOPLE_KEPT = 100_000

interface PeopleParts extends Pick<Parts, 'admin' | 'fleet' | 'fanout' | 'log' | 'settings'> {
  readonly turnedOff: TurnedOff
}

interface Look {
  /** Monotonic. */
  readonly begunAt: number
  readonly state: Promise<PersonState>
}

export class People {
  /** To be started by a process that accepts callers. */
  readonly watch: SessionWatch
  readonly #parts: PeopleParts
  /** The key is `personKey`, as for look-ups in progress. */
  readonly #seen = new LRUCache<string, PersonState>({ max: MAX_PEOPLE_KEPT, ttl: SEEN_FOR_MS })
  readonly #looks = new SlabMap<Look>()

  constructor(parts: PeopleParts) {
    this.#parts = parts
    this.watch = new SessionWatch({ ...parts, onEnded: people => this.#noteEnded(people) })
  }

  /** Registers the person if it is new. */
  async isActive(person: Person): Promise<boolean> {
    return (await this.#see(person)).isActive
  }

  async admit({ caller, issuedAt }: VerifiedToken): Promise<Result<Caller>> {
    const { isActive, endedUpTo } = await this.#see(caller)
    if (!isActive) return problem('USER_INACTIVE')
    return issuedAt > endedUpTo ? ok(caller) : sessionEnded()
  }

  /** Reads the present state, which `watch` may have missed. */
  async endedAmong<T extends VerifiedToken>(tokens: readonly T[]): Promise<readonly T[]> {
    const callers = new Map(tokens.map(({ caller }) => [personKey(caller), caller]))
    const ended = await this.#parts.fleet.endedPeople([...callers.values()])
    this.#noteEnded(ended)
    const states = new Map(ended.map(person => [personKey(person), person]))
    return tokens.filter(({ caller, issuedAt }) => {
      const state = states.get(personKey(caller))
      return state !== undefined && (!state.isActive || issuedAt <= state.endedUpTo)
    })
  }

  async logout(caller: Caller, issuedAt: number): Promise<Result<void>> {
    const state = await this.#parts.fleet.endSessions(caller, issuedAt)
    this.#noteEnded([{ ...caller, ...state }])
    return ok(undefined)
  }

  /** Also for a person that was never seen: it may hold tokens that it has not used yet. */
  async endSessions(caller: Caller, person: Person): Promise<Result<void>> {
    const action = { action: 'user.end_sessions', target: personKey(person), detail: {} }
    return onRecord(this.#parts, caller, action, async () => {
      const state = await this.#parts.fleet.endSessions(person)
      this.#noteEnded([{ ...person, ...state }])
      return ok(undefined)
    })
  }

  async setActive(
    caller: Caller,
    person: Person,
    active: boolean,
  ): Promise<Result<Person & { active: boolean }>> {
    const target = personKey(person)
    const action = { action: active ? 'user.activate' : 'user.deactivate', target, detail: {} }
    return onRecord(this.#parts, caller, action, async () => {
      if (!active && target === personKey(caller)) {
        return problem('FORBIDDEN', { detail: 'Administrators cannot turn themselves off' })
      }
      // So the last administrator stays on: no administrator can turn itself off.
      const by = person.role === 'admin' ? caller.id : undefined
      if (!(await this.#parts.fleet.setPersonActive(person, active, by))) {
        return problem('FORBIDDEN', { detail: 'You are turned off yourself' })
      }
      this.#forget(target)
      if (!active) {
        this.#parts.fanout.disconnectPerson(person)
        await this.#parts.turnedOff.follow(person, caller)
      }
      return ok({ ...person, active })
    })
  }

  async #see(person: Person): Promise<PersonState> {
    const key = personKey(person)
    const kept = this.watch.isFresh() ? this.#seen.get(key) : undefined
    return kept ?? (await this.#lookOf(person, key).state)
  }

  /** Many requests of one person at the same time share one read of the database. */
  #lookOf(person: Person, key: string): Look {
    const underWay = this.#looks.get(key)
    // A slow read may have begun before an end of sessions that must be known by now.
    if (underWay !== undefined && performance.now() - underWay.begunAt <= FRESH_FOR_MS) return underWay
    const look = { begunAt: performance.now(), state: this.#parts.fleet.seePerson(person) }
    this.#looks.set(key, look)
    const isLatest = () => this.#looks.get(key) === look
    look.state
      .then(
        state => void (isLatest() && this.#seen.set(key, state)),
        () => {}, // told to all that wait for it
      )
      .finally(() => void (isLatest() && this.#looks.delete(key)))
    return look
  }

  /** Callers that wait for a read in progress get its result, but it is not cached. */
  #forget(key: string): void {
    this.#looks.delete(key)
    this.#seen.delete(key)
  }

  /** Refuses tokens of ended sessions, and closes the sockets of this process that were opened with them. */
  #noteEnded(people: readonly (Person & PersonState)[]): void {
    for (const { role, id, isActive, endedUpTo } of people) {
      const person = { role, id }
      const key = personKey(person)
      this.#forget(key)
      this.#seen.set(key, { isActive, endedUpTo })
      this.#parts.fanout.endSessions(person, isActive ? endedUpTo : Number.POSITIVE_INFINITY)
    }
  }
}
