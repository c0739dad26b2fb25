import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** Sooner than a pool of connections is whole again. */
const STRIKE_EVERY_MS = 40

/** Each connection of the program is ended with even chance, whatever it is at: idle, in a query, new, in LISTEN. */
const STRIKE = `
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name <> 'weather' and random() < 0.5`

/** Ends connections of this database until `isOver`; answers how many. */
export async function storm(connectionString: string, isOver: () => boolean): Promise<number> {
  const client = new pg.Client({ connectionString, application_name: 'weather' })
  await client.connect()
  let ended = 0
  try {
    while (!isOver()) {
      ended += (await client.query(STRIKE)).rowCount ?? 0
      await delay(STRIKE_EVERY_MS)
    }
  } finally {
    await client.end()
  }
  return ended
}
