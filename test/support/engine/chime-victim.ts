/*
 * A process that arms the bells of a chime, leases them, and is killed before it has fired one:
 * `chime-victim.ts <connection string>`. It prints the chime and the due times of its bells on standard output.
 */
import { writeSync } from 'node:fs'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { createEngine } from '../../../src/runtime/engine.js'
import { chimeDefinition } from '../machines/chime.js'
import { armAll, newChime, standingClock } from './chimes.js'
import { scaled } from './pace.js'

const [connectionString = ''] = process.argv.slice(2)
/** Longer than arming them takes. */
const DELAY_MS = 1_000

/** If the fault point is never reached, the test is wrong. An exit code is better than a hang. */
setTimeout(() => process.exit(3), scaled(20_000))

const store = createPostgresStore({ connectionString })
let hasLeased = false
const base = await store.now()
const clock = standingClock(base)
const arming = createEngine({ store, clock, definitions: [chimeDefinition] })
const id = await newChime(arming)
const bells = ['A', 'B', 'C', 'D'].map(name => ({ name, delayMs: DELAY_MS }))
await armAll(arming, clock, base, id, [{ atMs: 0, bells }])
writeSync(1, `${JSON.stringify({ id, base, delayMs: DELAY_MS })}\n`)

const engine = createEngine({
  store: {
    ...store,
    async leaseTimers(known, options) {
      const lease = await store.leaseTimers(known, options)
      hasLeased = lease.timers.length > 0
      return lease
    },
  },
  definitions: [chimeDefinition],
  faults(point) {
    if (point !== 'timers.leased' || !hasLeased) return undefined
    process.kill(process.pid, 'SIGKILL')
    // Death by a signal is not immediate, and nothing may happen here any more.
    return new Promise<void>(() => {})
  },
})
await engine.start()
