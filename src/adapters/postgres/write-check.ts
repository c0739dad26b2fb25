/*
 * Whether the database takes writes, found out by writing. What is written is a message in the write-ahead log, which no
 * table holds: it commits as any other transaction does, so a read-only server refuses it, and it waits for a synchronous
 * standby that is gone. A row that every process updates each second would bloat its table for as long as some old
 * transaction is open (ADR 48).
 */
import type { Pool } from 'pg'
import { sqlstateOf } from './sqlstate.js'

export interface Writes {
  /** How long the write took. */
  readonly ms: number
  readonly writes: boolean
  /** Whether files can grow, once known. On a full disk most commits succeed until a table or the log needs a page. */
  readonly room?: boolean
}

/** A read-only session on a primary would let the message pass, as no table is concerned: hence the question. */
const WRITE = `select case when current_setting('transaction_read_only')::boolean then false
  else pg_logical_emit_message(true, 'loadcast', 'health') is not null end as writes`

/**
 * Sorts 256 KB with less memory than that: they go through a temporary file on the disk of the data, unless
 * `temp_tablespaces` says otherwise. The file is gone with the statement.
 */
const FILL_A_FILE = `set local work_mem = '64kB';
  select count(length(line)) from
    (select repeat('x', 8192) as line from generate_series(1, 32) order by random() offset 0) lines`

/** With `log_temp_files = 0` the server logs each of these. A disk fills over minutes. */
const ROOM_EVERY_MS = 10_000

const DISK_FULL = '53100'

/**
 * At most one write is under way, whoever asks: while it hangs, each further one would hold another connection. Rejects
 * with what the database said of the write.
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
      // Any other failure says nothing of the disk. A full one is looked at again with the next check.
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
    // Later looks delay no answer: on a busy database each statement waits for its turn.
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
