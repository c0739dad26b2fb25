import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** Sooner than a pool of connections is whole again. */
const STRIKE_EVERY_MS = 40

/** Ends each connection of the program with even chance, whatever its state: idle, in a query, in LISTEN. */
const STRIKE = `
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name <> 'weather' and random() < 0.5`

/**
 * New connections, and those that migrate or announce a process. They are searched without a pause, since a connection is
 * new for milliseconds only.
 */
const STRIKE_YOUNG = `
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name <> 'weather' and random() < 0.5
  and (backend_start > clock_timestamp() - interval '20 milliseconds' or query ilike '%advisory%')`

/** Ends at least `atLeast` connections of this database. Resolves with the number that it ended. */
export async function storm(connectionString: string, atLeast: number): Promise<number> {
  let ended = 0
  const strikes = [
    [STRIKE, STRIKE_EVERY_MS],
    [STRIKE_YOUNG, 1],
  ] as const
  await Promise.all(
    strikes.map(async ([sql, everyMs]) => {
      const client = new pg.Client({ connectionString, application_name: 'weather' })
      await client.connect()
      try {
        while (ended < atLeast) {
          ended += (await client.query(sql)).rowCount ?? 0
          await delay(everyMs)
        }
      } finally {
        await client.end()
      }
    }),
  )
  return ended
}
