/* Sends the commit statement and turns what the database says into results, retrying what is known not to be applied. */
import pg from 'pg'
import { StoreUnavailableError } from '../../../runtime/errors.js'
import type { Faults } from '../../../runtime/faults.js'
import type { InstanceWrite, Store, WriteResult } from '../../../runtime/ports.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { type Failure, failureOf, isBeyondLimits, isLockTimeout } from '../connection/sqlstate.js'
import {
  commitParameters,
  hasLimits,
  nameOfShape,
  preconditionsOf,
  projectionsOf,
} from './commit-parameters.js'
import { type ResultRow, toResults } from './commit-results.js'
import { commitStatement } from './commit-statement.js'
import { isMissingPart, type JournalMonths } from './journal-months.js'
import type { StorageFormat } from './storage-format.js'

/** Attempts after a deadlock, a lock that did not come or a claim taken in the same instant. */
const MAX_ATTEMPTS = 12
const RETRY_PAUSE_MS = 5

/** Those of the given instances whose rows somebody has locked. */
const LOCKED = `
with free as materialized (
  select id from {instances} where id = any($1::uuid[]) for no key update skip locked
)
select i.id from {instances} i where i.id = any($1::uuid[]) and not exists (select from free f where f.id = i.id)`

const NONE: ReadonlySet<string> = new Set()

/** Throws `StoreUnavailableError` when the statement may or may not be applied, or the server cannot run it now. */
export function createCommit(
  pool: EnginePool,
  formats: StorageFormat,
  months: Pick<JournalMonths, 'make'>,
  faults?: Faults,
): Store['commit'] {
  const commits = new Commits(pool, formats, months, faults)
  return (writes, leaseMs) => commits.commit(writes, leaseMs)
}

class Commits {
  readonly #pool: EnginePool
  readonly #formats: StorageFormat
  readonly #months: Pick<JournalMonths, 'make'>
  readonly #faults: Faults | undefined
  readonly #statements = new CommitStatements()

  constructor(
    pool: EnginePool,
    formats: StorageFormat,
    months: Pick<JournalMonths, 'make'>,
    faults: Faults | undefined,
  ) {
    this.#pool = pool
    this.#formats = formats
    this.#months = months
    this.#faults = faults
  }

  async commit(
    writes: readonly InstanceWrite[],
    leaseMs: number,
    { isSecondLook = false } = {},
  ): Promise<readonly WriteResult[]> {
    const results = await this.#commitOnce(writes, leaseMs)
    return isSecondLook ? results : this.#confirmLimits(writes, results, leaseMs)
  }

  async #commitOnce(writes: readonly InstanceWrite[], leaseMs: number): Promise<readonly WriteResult[]> {
    const format = this.#formats.known()
    let statement: pg.QueryConfig
    try {
      statement = this.#statements.of(writes, leaseMs, format)
    } catch (error) {
      return this.#bisect(writes, leaseMs, error) // something in it cannot be made JSON, or its JSON cannot be stored
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(writes, statement)
      } catch (error) {
        if (isMissingPart(error) && attempt < MAX_ATTEMPTS) {
          await this.#months.make()
          continue
        }
        const failure = failureOf(error)
        if (failure === 'unstorable' || isRefusedAsBroken(failure, error))
          return this.#bisect(writes, leaseMs, error)
        if (failure !== 'again') throw error
        if (attempt === MAX_ATTEMPTS) return writes.map(() => ({ kind: 'busy' }))
        const locked = isLockTimeout(error) ? await this.#lockedOf(writes) : NONE
        if (locked.size > 0) return this.#commitWithout(locked, writes, leaseMs)
        await new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS * attempt * (0.5 + Math.random())))
      }
    }
  }

  async #send(writes: readonly InstanceWrite[], statement: pg.QueryConfig): Promise<WriteResult[]> {
    const answer = this.#pool.query<ResultRow>(statement)
    if (this.#faults !== undefined) await Promise.all([answer, this.#faults('commit.sent')])
    const { rows } = await answer
    return toResults(writes, rows)
  }

  /**
   * The count sees what was committed while the statement ran, and the look at claims and keys does not. A create that is
   * the repetition of such a one is therefore told apart by a second statement.
   */
  async #confirmLimits(
    writes: readonly InstanceWrite[],
    results: readonly WriteResult[],
    leaseMs: number,
  ): Promise<readonly WriteResult[]> {
    const limited = writes.filter((_, i) => results[i]?.kind === 'limited')
    if (limited.length === 0) return results
    const second = [...(await this.commit(limited, leaseMs, { isSecondLook: true }))]
    return results.map(result => (result.kind === 'limited' ? (second.shift() ?? result) : result))
  }

  async #lockedOf(writes: readonly InstanceWrite[]): Promise<ReadonlySet<string>> {
    try {
      const { rows } = await this.#pool.query<{ id: string }>(LOCKED, [writes.map(w => w.row.id)])
      return new Set(rows.map(row => row.id))
    } catch {
      return NONE // the lock is on more than rows, or the database is away: the next attempt will tell
    }
  }

  /** A row that somebody keeps locked must not hold up those that happen to be in the same commit. */
  async #commitWithout(
    locked: ReadonlySet<string>,
    writes: readonly InstanceWrite[],
    leaseMs: number,
  ): Promise<readonly WriteResult[]> {
    const free = writes.filter(w => !locked.has(w.row.id))
    const results = free.length === 0 ? [] : [...(await this.commit(free, leaseMs))]
    return writes.map(w => (locked.has(w.row.id) ? { kind: 'busy' } : (results.shift() ?? { kind: 'stale' })))
  }

  /** One value that Postgres cannot store, or one row that breaks a rule, aborts the whole statement: halve until it is alone. */
  async #bisect(
    writes: readonly InstanceWrite[],
    leaseMs: number,
    error: unknown,
  ): Promise<readonly WriteResult[]> {
    if (writes.length === 1) {
      const cause = isBeyondLimits(error) ? new StoreUnavailableError(error, { isLasting: true }) : error
      return [{ kind: 'unstorable', error: cause instanceof Error ? cause : new Error(String(cause)) }]
    }
    const middle = Math.ceil(writes.length / 2)
    return [
      ...(await this.commit(writes.slice(0, middle), leaseMs)),
      ...(await this.commit(writes.slice(middle), leaseMs)),
    ]
  }
}

/** The texts that commits of each shape have had. */
class CommitStatements {
  readonly #known = new Map<string, { readonly name: string; readonly text: string }>()

  /** Throws if a value cannot be made JSON, or the JSON cannot be stored. */
  of(writes: readonly InstanceWrite[], leaseMs: number, format: number | undefined): pg.QueryConfig {
    const projections = projectionsOf(writes)
    const preconditions = preconditionsOf(writes)
    const isSettled = format !== undefined
    const isLimited = hasLimits(writes)
    const shapes = [...projections.map(p => p.table), ...preconditions.map(nameOfShape)]
    const key = [isSettled, isLimited, ...shapes].join(' ')
    const known = this.#known.get(key)
    const statement = known ?? {
      // Numbered, because Postgres truncates names to 63 characters.
      name: [
        isSettled ? 'commit' : 'commit_unsettled',
        ...projections.map(p => p.table),
        ...(preconditions.length === 0 && !isLimited ? [] : [this.#known.size]),
      ].join('_'),
      text: commitStatement(projections, preconditions, isSettled, isLimited),
    }
    if (known === undefined) this.#known.set(key, statement)
    return { ...statement, values: commitParameters(writes, projections, preconditions, leaseMs, format) }
  }
}

/**
 * A defect, such as a projection that breaks a constraint of its table. The server refused it, so it is surely not applied.
 * It must not fail those that happen to be in the same commit.
 */
const isRefusedAsBroken = (failure: Failure, error: unknown) =>
  failure === 'broken' && error instanceof pg.DatabaseError
