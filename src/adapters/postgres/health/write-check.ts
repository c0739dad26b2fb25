/*
 * Checks that the database takes writes by committing a message to the write-ahead log, which no table stores. It commits
 * like any other transaction: a read-only server refuses it, and it waits for a missing synchronous standby. A row that
 * every process updates each second would bloat its table while some old transaction is open (ADR 48).
 */
import type { Pool } from 'pg'
import { sqlstateOf } from '../connection/sqlstate.js'

export interface Writes {
  /** Duration of the write. */
  readonly ms: number
  readonly writes: boolean
  /** Whether files can grow, if known. On a full disk most commits succeed until a table or the log needs a page. */
  readonly room?: boolean
}

/** A read-only session on a primary allows the message, since it touches no table. So the setting is checked too. */
const WRITE = `select case when current_setting('transaction_read_only')::boolean then false
  else pg_logical_emit_message(true, 'loadcast', 'health') is not null end as writes`

/**
 * Sorts 256 KB with less memory than that, so the rows go through a temporary file. It is on the disk of the data, unless
 * `temp_tablespaces` says otherwise, and is removed with the statement.
 */
const FILL_A_FILE = `set local work_mem = '64kB';
  select count(length(line)) from
    (select repeat('x', 8192) as line from generate_series(1, 32) order by random() offset 0) lines`

/** With `log_temp_files = 0` the server logs each of these. A disk fills over minutes. */
const ROOM_EVERY_MS = 10_000

const DISK_FULL = '53100'

/**
 * At most one write is in flight, however many callers ask: while it hangs, each further one would hold another connection.
 * Rejects with the database's error.
 */
export function createWriteCheck(pool: Pool): () => Promise<Writes> {
  let underWay: Promise<Writes> | undefined
  let room: boolean | undefined
  let nextLookAt = Number.NEGATIVE_INFINITY

  async function lookForRoom(): Promise<void> {
    if (performance.now() < nextLookAt) return
    nextLookAt = performance.now() + ROOM_EVERY_MS
    try {
      await pool.query(FILL_A_FILE)
      room = true
    } catch (error) {
      // Other failures say nothing about the disk. A full disk is checked again with the next write.
      if (sqlstateOf(error) !== DISK_FULL) return
      room = false
      nextLookAt = performance.now()
    }
  }

  async function write(): Promise<Writes> {
    const begunAt = performance.now()
    const { rows } = await pool.query<{ writes: boolean }>(WRITE)
    const ms = Math.round(performance.now() - begunAt)
    const looked = lookForRoom()
    // Only the first disk check delays the answer: on a busy database each statement must wait.
    if (room === undefined) await looked
    return { ms, writes: rows[0]?.writes === true, ...(room === undefined ? {} : { room }) }
  }

  return () => {
    underWay ??= write().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}
