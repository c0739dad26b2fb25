import { expect, it } from '@jest/globals'
import type { Definition } from '../../../../src/runtime/definition.js'
import { createEngine } from '../../../../src/runtime/engine.js'
import type { Meter } from '../../../../src/runtime/telemetry.js'
import { MemoryDatabase } from '../../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../../src/testing/memory/store.js'
import { virtualPlatform } from '../../../support/engine/virtual-platform.js'
import { doorDefinition } from '../../../support/machines/door.js'
import { newDoor } from '../../../support/machines/doors.js'

const COMMIT_MS = 250

it('a commit is reported with the time that it took by the clock of the platform', async () => {
  const { time, platform } = virtualPlatform()
  const store = createMemoryStore({ database: new MemoryDatabase(() => time.now) })
  const commits: Parameters<Meter['committed']>[0][] = []
  const meter = {
    committed: (commit: Parameters<Meter['committed']>[0]) => void commits.push(commit),
    decided() {},
    conflict() {},
  } as unknown as Meter
  const engine = createEngine({
    store: {
      ...store,
      async commit(writes, leaseMs) {
        await time.sleep(COMMIT_MS)
        return store.commit(writes, leaseMs)
      },
    },
    definitions: [doorDefinition as unknown as Definition],
    platform,
    meter,
  })
  await time.runUntilDone(newDoor(engine))
  await time.runUntilDone(engine.close())
  expect(commits).toEqual([{ instances: 1, transitions: 1, ms: COMMIT_MS }])
})
