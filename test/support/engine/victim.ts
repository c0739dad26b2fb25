/*
 * A process that works until it dies at a fault point: `victim.ts <connection string> <fault point> <which hit>`.
 * It prints a line of JSON for each answer it got and each event it delivered.
 */
import { writeSync } from 'node:fs'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import { doorDefinition } from '../machines/door.js'
import { scaled } from './pace.js'

const [connectionString = '', fatalPoint = '', hit = '1'] = process.argv.slice(2)
const DOORS = 6
/** Soon enough that the victim fires timers, and late enough that some are left to other processes. */
const CLOSE_MS = 250

let hits = 0
const faults = (point: string) => {
  if (point === fatalPoint && ++hits === Number(hit)) process.kill(process.pid, 'SIGKILL')
  // Death by a signal is not immediate, and nothing may happen here any more.
  if (point === fatalPoint && hits >= Number(hit)) return new Promise<void>(() => {})
}
/** If the fault point is never reached, the test is wrong. An exit code is better than a hang. */
setTimeout(() => process.exit(3), scaled(20_000))

const report = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`)

const engine = createEngine({
  store: createPostgresStore({ connectionString, faults }),
  definitions: [doorDefinition as unknown as Definition],
  subscribers: [
    {
      name: 'recorder',
      wants: () => true,
      handle: ({ instance, version, index }) => {
        report({ delivered: `${instance} ${version} ${index}` })
      },
    },
  ],
  faults,
})
const actor = { id: 'victim', role: 'tester' }

await engine.start()
for (let round = 0; ; round++) {
  const doors = await Promise.all(
    Array.from({ length: DOORS }, () =>
      engine.create('door', { owner: 'ann', closeMs: CLOSE_MS }, { actor }),
    ),
  )
  await Promise.all(
    doors.map(async (door, i) => {
      if (door.kind !== 'created') return
      const { id } = door.instance
      report({ acknowledged: door.uid, instance: id, version: 1 })
      for (const event of [
        { type: 'open', who: 'bob' },
        { type: 'take.key', who: `key ${round} ${i}` },
      ]) {
        const outcome = await engine.send(id, event, { actor })
        if (outcome.kind === 'applied') {
          report({ acknowledged: outcome.uid, instance: id, version: outcome.version })
        }
      }
      // Refused. The decision needs a snapshot that must be read again first.
      await engine.send(id, { type: 'open', who: 'eve' }, { actor })
    }),
  )
}
