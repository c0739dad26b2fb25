/*
 * Changes of one transporter's fleet take turns over all processes, by an advisory lock. A statement sees the rows that were
 * committed before it began, so its counts would be out of date if it waited for a lock itself. The lock is taken first.
 */
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { asUnavailable, isWorthRepeating } from '../../connection/sqlstate.js'
import { bind, type Statement, type Values } from '../../connection/statement.js'

/**
 * If a process is paused within its turn, the server ends its session, so that the others can take theirs. They wait
 * longer than this.
 */
const TURN_MS = 1_500
const TURN_TIMEOUT_MS = 3_000
/** A deadlock or a serialisation failure ends when one side is rolled back. */
const MAX_ATTEMPTS = 3

/** The end of each transporter's queue in this process. Without it, one transporter's calls would hold all connections. */
const queues = new Map<string, Promise<unknown>>()

/** The rows of one statement that changes this transporter's fleet. Throws `StoreUnavailableError` as `query` does. */
export function inTurn<TValues, TRow>(
  pool: pg.Pool,
  transporterId: string,
  statement: Statement<TValues, TRow>,
  values: Values<TValues>,
): Promise<readonly TRow[]> {
  const turn = async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await takeTurn(pool, transporterId, statement, values)
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isWorthRepeating(error)) throw asUnavailable(error)
      }
    }
  }
  const done = (queues.get(transporterId) ?? Promise.resolve()).then(turn, turn)
  queues.set(transporterId, done)
  const leave = () => {
    if (queues.get(transporterId) === done) queues.delete(transporterId)
  }
  done.then(leave, leave)
  return done
}

async function takeTurn<TValues, TRow>(
  pool: pg.Pool,
  transporterId: string,
  statement: Statement<TValues, TRow>,
  values: Values<TValues>,
): Promise<readonly TRow[]> {
  const client = await pool.connect()
  try {
    await client.query(takeTurnSql(transporterId))
    const bound = bind(statement, values)
    const { rows } = await client.query<TRow & pg.QueryResultRow>(bound.statement, bound.values)
    await client.query('commit')
    client.release()
    return rows
  } catch (error) {
    // Whatever state the connection is in: another takes its place.
    client.release(error as Error)
    throw error
  }
}

/** Begins a transaction and waits for the turn. Exported for tests, which stop in the middle of one. */
export const takeTurnSql = (transporterId: string) => `begin;
set local lock_timeout = ${TURN_TIMEOUT_MS};
set local idle_in_transaction_session_timeout = ${TURN_MS};
select pg_advisory_xact_lock(${lockOf(transporterId)})`

/** 64 bits of a hash: two transporters that share it wait for each other, and nothing else. */
function lockOf(transporterId: string): bigint {
  return createHash('sha256').update(`fleet ${transporterId}`).digest().readBigInt64BE()
}
