/* What must hold again after any fault scenario, without intervention. */
import { expect } from '@jest/globals'
import { call } from '../server/clients.js'
import { findViolations } from '../server/server.js'
import { expectSoon } from './eventually.js'
import { findRestless } from './gauges.js'
import type { WeatherProcesses } from './processes.js'
import type { Query } from './run-once.js'

export interface World {
  readonly processes: WeatherProcesses
  /** Queries the database directly, without a proxy in between. */
  readonly connectionString: string
  readonly query: Query
}

/** A statement is cut off after 5 s and resent for 8; pauses between tries are a second at most. */
const RECOVERED_WITHIN_MS = 30_000
/** A deadline of 4 s, the rest of a lease, and a busy machine. */
const SETTLED_WITHIN_MS = 30_000

export async function expectHealthy({ processes }: Pick<World, 'processes'>): Promise<void> {
  expect(processes.dead()).toEqual([])
  await expectSoon(
    () => healthOf(processes.urls),
    processes.urls.map(() => 'ok'),
    RECOVERED_WITHIN_MS,
  )
}

/** The `/health` status of each process. */
export function healthOf(urls: readonly string[]): Promise<string[]> {
  return Promise.all(urls.map(async url => (await call(url, 'GET', '/health')).body.status))
}

/** After the load: all processes live and are ok, each request has ended, `verify` is clean, gauges are at rest. */
export async function expectCalm({ processes, connectionString, query }: World): Promise<void> {
  await expectHealthy({ processes })
  const seeking = "select id from instances where status in ('searching', 'partially_filled')"
  await expectSoon(() => query(seeking), [], SETTLED_WITHIN_MS)
  await expectSoon(() => query('select * from outbox'), [], SETTLED_WITHIN_MS)
  // A full request keeps its timer until its customer can no longer cancel.
  await expectSoon(() => query('select * from timers'), [], SETTLED_WITHIN_MS)
  expect(await query('select * from dead_letters')).toEqual([])
  expect(await findViolations(connectionString)).toEqual([])
  await expectSoon(() => findRestless(processes.urls), [], SETTLED_WITHIN_MS)
  expect(processes.dead()).toEqual([])
  expect(processes.defects()).toEqual([])
}
