/*
 * A process that knows only the first version of the door: `old-release.ts <connection string>`. An input line is the id of
 * a door to open, or `pass <milliseconds>`, which moves its own clock. Each output line is JSON; the last one is the reason
 * why the process ended.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import { processPlatform } from '../../../src/runtime/platform.js'
import { doorDefinition } from '../machines/door.js'

const [connectionString = ''] = process.argv.slice(2)
const report = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`)

let passedMs = 0
const engine = createEngine({
  platform: { ...processPlatform, monotonicMs: () => processPlatform.monotonicMs() + passedMs },
  store: createPostgresStore({ connectionString }),
  definitions: [doorDefinition as unknown as Definition],
  subscribers: [
    {
      name: 'recorder',
      wants: () => true,
      handle: ({ instance, version }) => void report({ delivered: instance, version }),
    },
  ],
  onUnfit(reason) {
    report({ unfit: reason.message, state: engine.membership().state })
    process.exitCode = 7
  },
})
await engine.start()
report({ started: process.pid })

createInterface({ input: process.stdin }).on('line', async line => {
  const passed = /^pass (\d+)$/.exec(line)?.[1]
  if (passed === undefined) await open(line)
  else passedMs += Number(passed)
})

async function open(id: string): Promise<void> {
  try {
    const outcome = await engine.send(
      id,
      { type: 'open', who: 'bob' },
      { actor: { id: 'old', role: 'tester' } },
    )
    report({ id, outcome: outcome.kind, version: outcome.version })
  } catch (error) {
    report({ id, error: (error as Error).name, message: (error as Error).message })
  }
}
