/* What must be true again after any weather, with nobody's help. */
import { expect } from '@jest/globals'
import { call } from '../clients.js'
import { findViolations } from '../server.js'
import { expectSoon } from './eventually.js'
import { findRestless } from './gauges.js'
import type { WeatherProcesses } from './processes.js'
import type { Query } from './run-once.js'

export interface World {
  readonly processes: WeatherProcesses
  /** Of the database itself, whatever stands between it and the processes. */
  readonly connectionString: string
  readonly query: Query
}

/** A statement is cut off after 5 s and resent for 8; pauses between tries are a second at most. */
const RECOVERED_WITHIN_MS = 30_000
/** A deadline of 4 s, what is left of a lease, and a busy machine. */
const SETTLED_WITHIN_MS = 30_000

export async function expectHealthy({ processes }: Pick<World, 'processes'>): Promise<void> {
  expect(processes.dead()).toEqual([])
  await expectSoon(
    () => healthOf(processes.urls),
    processes.urls.map(() => 'ok'),
    RECOVERED_WITHIN_MS,
  )
}

/** What `/health` of each says. */
export function healthOf(urls: readonly string[]): Promise<string[]> {
  return Promise.all(urls.map(async url => (await call(url, 'GET', '/health')).body.status))
}

/** Once the load has ended: all processes live and are well, each request has ended, `verify` is clean, gauges rest. */
export async function expectCalm({ processes, connectionString, query }: World): Promise<void> {
  await expectHealthy({ processes })
  const seeking = "select id from instances where status in ('searching', 'partially_filled')"
  await expectSoon(() => query(seeking), [], SETTLED_WITHIN_MS)
  await expectSoon(() => query('select * from outbox'), [], SETTLED_WITHIN_MS)
  // What is full keeps its timer until its customer may cancel no more.
  await expectSoon(() => query('select * from timers'), [], SETTLED_WITHIN_MS)
  expect(await query('select * from dead_letters')).toEqual([])
  expect(await findViolations(connectionString)).toEqual([])
  await expectSoon(() => findRestless(processes.urls), [], SETTLED_WITHIN_MS)
  expect(processes.dead()).toEqual([])
  expect(processes.defects()).toEqual([])
}
