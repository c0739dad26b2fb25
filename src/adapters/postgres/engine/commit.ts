/* Sends the commit statement and interprets the results. Retries what is known not to be applied. */
import pg from 'pg'
import { StoreUnavailableError } from '../../../runtime/errors.js'
import type { Faults } from '../../../runtime/faults.js'
import type { InstanceWrite, Store, WriteResult } from '../../../runtime/ports.js'
import type { UsedKey } from '../../../runtime/types.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { type Failure, failureOf, isBeyondLimits, isLockTimeout } from '../connection/sqlstate.js'
import {
  commitParameters,
  hasLimits,
  nameOfShape,
  preconditionsOf,
  projectionsOf,
} from './commit-parameters.js'
import { commitStatement } from './commit-statement.js'
import { isMissingPart, type JournalMonths } from './journal-months.js'
import type { StorageFormat } from './storage-format.js'

/** Attempts after a deadlock, a refused lock or a claim that was taken in the same instant. */
const MAX_ATTEMPTS = 12
const RETRY_PAUSE_MS = 5

/** Those of the given instances whose rows are locked by another transaction. */
const LOCKED = `
with free as materialized (
  select id from {instances} where id = any($1::uuid[]) for no key update skip locked
)
select i.id from {instances} i where i.id = any($1::uuid[]) and not exists (select from free f where f.id = i.id)`

const NONE: ReadonlySet<string> = new Set()

interface ResultRow {
  readonly kind: 'moved' | 'claimed' | 'unmet' | 'lost' | 'keyed' | 'limited'
  readonly instance: string
  readonly key: string | null
  readonly holder: string | null
  /** `limited`: milliseconds until there is room, or -1 while another transaction counts. */
  readonly used: UsedKey | number | null
}

/** Store['commit']. `isSecondLook`: limits have been confirmed already. */
type Commit = (
  writes: readonly InstanceWrite[],
  leaseMs: number,
  options?: { readonly isSecondLook?: boolean },
) => Promise<readonly WriteResult[]>

/** Throws `StoreUnavailableError` if the statement may or may not be applied, or the server cannot run it now. */
export function createCommit(
  pool: EnginePool,
  formats: StorageFormat,
  months: Pick<JournalMonths, 'make'>,
  faults?: Faults,
): Store['commit'] {
  const statementFor = createStatements()

  async function send(writes: readonly InstanceWrite[], statement: pg.QueryConfig) {
    const answer = pool.query<ResultRow>(statement)
    if (faults !== undefined) await Promise.all([answer, faults('commit.sent')])
    const { rows } = await answer
    return toResults(writes, rows)
  }

  const commit: Commit = async (writes, leaseMs, { isSecondLook = false } = {}) => {
    const results = await commitOnce(writes, leaseMs)
    return isSecondLook ? results : confirmLimits(commit, writes, results, leaseMs)
  }

  async function commitOnce(
    writes: readonly InstanceWrite[],
    leaseMs: number,
  ): Promise<readonly WriteResult[]> {
    const format = formats.known()
    let statement: pg.QueryConfig
    try {
      statement = statementFor(writes, leaseMs, format)
    } catch (error) {
      return bisect(commit, writes, leaseMs, error) // a value cannot be made JSON, or its JSON cannot be stored
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await send(writes, statement)
      } catch (error) {
        if (isMissingPart(error) && attempt < MAX_ATTEMPTS) {
          await months.make()
          continue
        }
        const failure = failureOf(error)
        if (failure === 'unstorable' || isRefusedAsBroken(failure, error))
          return bisect(commit, writes, leaseMs, error)
        if (failure !== 'again') throw error
        if (attempt === MAX_ATTEMPTS) return writes.map(() => ({ kind: 'busy' }))
        const locked = isLockTimeout(error) ? await lockedOf(pool, writes) : NONE
        if (locked.size > 0) return commitWithout(commit, locked, writes, leaseMs)
        await new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS * attempt * (0.5 + Math.random())))
      }
    }
  }

  return commit
}

/** Keeps the prepared statement of each combination of projections, preconditions and options. */
function createStatements() {
  const statements = new Map<string, { readonly name: string; readonly text: string }>()
  return (writes: readonly InstanceWrite[], leaseMs: number, format: number | undefined): pg.QueryConfig => {
    const projections = projectionsOf(writes)
    const preconditions = preconditionsOf(writes)
    const isSettled = format !== undefined
    const isLimited = hasLimits(writes)
    const shapes = [...projections.map(p => p.table), ...preconditions.map(nameOfShape)]
    const key = [isSettled, isLimited, ...shapes].join(' ')
    const known = statements.get(key)
    const statement = known ?? {
      // Numbered, because Postgres truncates names to 63 characters.
      name: [
        isSettled ? 'commit' : 'commit_unsettled',
        ...projections.map(p => p.table),
        ...(preconditions.length === 0 && !isLimited ? [] : [statements.size]),
      ].join('_'),
      text: commitStatement(projections, preconditions, isSettled, isLimited),
    }
    if (known === undefined) statements.set(key, statement)
    return { ...statement, values: commitParameters(writes, projections, preconditions, leaseMs, format) }
  }
}

/**
 * The count of limits sees what was committed while the statement ran, but the checks of claims and keys do not. So a
 * second statement tells a repeat of such a create from a create over the limit.
 */
async function confirmLimits(
  commit: Commit,
  writes: readonly InstanceWrite[],
  results: readonly WriteResult[],
  leaseMs: number,
): Promise<readonly WriteResult[]> {
  const limited = writes.filter((_, i) => results[i]?.kind === 'limited')
  if (limited.length === 0) return results
  const second = [...(await commit(limited, leaseMs, { isSecondLook: true }))]
  return results.map(result => (result.kind === 'limited' ? (second.shift() ?? result) : result))
}

async function lockedOf(pool: EnginePool, writes: readonly InstanceWrite[]): Promise<ReadonlySet<string>> {
  try {
    const { rows } = await pool.query<{ id: string }>(LOCKED, [writes.map(w => w.row.id)])
    return new Set(rows.map(row => row.id))
  } catch {
    return NONE // the lock covers more than rows, or the database is unavailable: the next attempt will show
  }
}

/** Commits without the locked rows: they must not delay the other instances of the batch. */
async function commitWithout(
  commit: Commit,
  locked: ReadonlySet<string>,
  writes: readonly InstanceWrite[],
  leaseMs: number,
): Promise<readonly WriteResult[]> {
  const free = writes.filter(w => !locked.has(w.row.id))
  const results = free.length === 0 ? [] : [...(await commit(free, leaseMs))]
  return writes.map(w => (locked.has(w.row.id) ? { kind: 'busy' } : (results.shift() ?? { kind: 'stale' })))
}

/** Isolates a write that aborts the whole statement, such as a value that Postgres cannot store, by halving the batch. */
async function bisect(
  commit: Commit,
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
    ...(await commit(writes.slice(0, middle), leaseMs)),
    ...(await commit(writes.slice(middle), leaseMs)),
  ]
}

/**
 * A defect, such as a projection that breaks a constraint of its table. The server refused the statement, so it was not
 * applied. The other instances of the batch must not fail with it.
 */
const isRefusedAsBroken = (failure: Failure, error: unknown) =>
  failure === 'broken' && error instanceof pg.DatabaseError

function toResults(writes: readonly InstanceWrite[], rows: readonly ResultRow[]): WriteResult[] {
  const moved = new Set<string>()
  const claimed = new Map<string, Map<string, string>>()
  const lost = new Map<string, string[]>()
  const unmet = new Map<string, number[]>()
  const keyed = new Map<string, UsedKey[]>()
  const waits = new Map<string, { readonly place: number; readonly ms: number }>()
  for (const { kind, instance, key, holder, used } of rows) {
    if (kind === 'moved') moved.add(instance)
    else if (typeof used === 'number') {
      const longest = waits.get(instance)
      if (longest === undefined || used > longest.ms) waits.set(instance, { place: Number(key), ms: used })
    } else if (used !== null) keyed.set(instance, [...(keyed.get(instance) ?? []), used])
    else if (kind === 'unmet') unmet.set(instance, [...(unmet.get(instance) ?? []), Number(key)])
    else if (kind === 'lost') lost.set(instance, [...(lost.get(instance) ?? []), String(key)])
    else claimed.set(instance, (claimed.get(instance) ?? new Map()).set(String(key), String(holder)))
  }
  return writes.map(({ row: { id }, preconditions, limits }) => {
    const holders = claimed.get(id)
    const sendIds = lost.get(id)
    if (moved.has(id)) return { kind: 'moved' }
    const used = keyed.get(id)
    if (used !== undefined) return { kind: 'keyed', used }
    if (sendIds !== undefined) return { kind: 'gateLost', sendIds }
    const places = unmet.get(id)
    if (places !== undefined) {
      return { kind: 'unmet', preconditions: preconditions.filter((_, i) => places.includes(i)) }
    }
    if (holders !== undefined) return { kind: 'claimed', holders }
    const wait = waits.get(id)
    const limit = wait === undefined ? undefined : limits[wait.place]
    if (wait === undefined || limit === undefined) return { kind: 'stale' }
    return wait.ms < 0 ? { kind: 'busy' } : { kind: 'limited', limit, retryAfterMs: wait.ms }
  })
}
