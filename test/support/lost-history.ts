import type pg from 'pg'

const TABLES = ['instances', 'journal', 'events', 'outbox', 'timers', 'claims', 'idempotency_keys']

/**
 * Remembers what the engine's tables hold. The function that it returns brings them back to that, as a failover does to a
 * standby that had not received what came later.
 */
export async function rememberHistory(sql: pg.Pool): Promise<() => Promise<void>> {
  const suffix = `before_${Date.now()}`
  for (const table of TABLES) await sql.query(`create table ${table}_${suffix} as table ${table}`)
  return async () => {
    const restored = TABLES.map(table => `insert into ${table} select * from ${table}_${suffix};`)
    await sql.query(`begin; truncate ${TABLES.join(', ')}; ${restored.join(' ')} commit`)
  }
}
