import type pg from 'pg'

const TABLES = ['instances', 'journal', 'events', 'outbox', 'timers', 'claims', 'idempotency_keys']

/**
 * Saves the engine's tables. Returns a function that restores them, like a failover to a standby that had not received
 * later writes.
 */
export async function rememberHistory(sql: pg.Pool): Promise<() => Promise<void>> {
  const suffix = `before_${Date.now()}`
  for (const table of TABLES) await sql.query(`create table ${table}_${suffix} as table ${table}`)
  return async () => {
    const restored = TABLES.map(table => `insert into ${table} select * from ${table}_${suffix};`)
    await sql.query(`begin; truncate ${TABLES.join(', ')}; ${restored.join(' ')} commit`)
  }
}
