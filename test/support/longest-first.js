/*
 * Runs the longest test files first: one that began last would keep the run waiting for a single worker. Jest knows how long
 * files took on this machine; a fresh clone does not, and takes the times below.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sequencer from '@jest/test-sequencer'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Seconds on two cores with other work beside it; only their order matters. */
const SECONDS = {
  'test/unit/testing/simulation.test.ts': 400,
  'test/e2e/weather/hostile-clients.test.ts': 300,
  'test/compat/compatibility.test.ts': 260,
  'test/integration/connections/storm.test.ts': 220,
  'test/integration/image/image.test.ts': 200,
  'test/e2e/package.test.ts': 190,
  'test/e2e/weather/asynchronous-failover.test.ts': 180,
  'test/e2e/weather/read-only-window.test.ts': 170,
  'test/e2e/weather/full-disk.test.ts': 165,
  'test/e2e/ended-sessions.test.ts': 160,
  'test/integration/postgres/server-version.test.ts': 140,
  'test/e2e/database-faults.test.ts': 135,
  'test/integration/postgres/growth.test.ts': 125,
  'test/e2e/rolling-deploy.test.ts': 120,
  'test/compat/random-machines.test.ts': 100,
  'test/unit/scripts/pipeline.test.ts': 100,
  'test/e2e/redis-failover.test.ts': 95,
  'test/integration/pipeline/deploy.test.ts': 95,
  'test/e2e/life.test.ts': 90,
  'test/e2e/pgbouncer.test.ts': 90,
  'test/integration/connections/failing-server.test.ts': 90,
  'test/e2e/overload.test.ts': 80,
  'test/e2e/criteria-time.test.ts': 80,
  'test/property/runtime/lost-history.property.test.ts': 80,
  'test/integration/postgres/health-writes.test.ts': 78,
  'test/e2e/late-database.test.ts': 72,
  'test/integration/identity/beside-old-release.test.ts': 65,
  'test/integration/testing/targets.test.ts': 65,
  'test/e2e/roles.test.ts': 60,
  'test/integration/http/fuzz.test.ts': 56,
  'test/integration/redis/modes.test.ts': 52,
  'test/e2e/races.test.ts': 50,
  'test/e2e/storm.test.ts': 50,
  'test/e2e/random-walk.test.ts': 46,
  'test/integration/runtime/paused-process.test.ts': 44,
}
/** Of other files, for each byte. */
const SECONDS_PER_BYTE = 1 / 1_000

for (const file of Object.keys(SECONDS)) {
  if (!existsSync(join(ROOT, file)))
    throw new Error(`${file} has moved: correct test/support/longest-first.js`)
}
const seconds = new Map(Object.entries(SECONDS).map(([file, time]) => [join(ROOT, file), time]))

// biome-ignore lint/style/noDefaultExport: jest asks for one
export default class LongestFirst extends Sequencer {
  time(test) {
    const { path, context } = test
    const guess = seconds.get(path) ?? (context.hasteFS.getSize(path) ?? 0) * SECONDS_PER_BYTE
    return super.time(test) ?? guess * 1_000
  }
}
