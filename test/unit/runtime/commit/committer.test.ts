import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import type { Definition } from '../../../../src/runtime/definition.js'
import { createEngine } from '../../../../src/runtime/engine.js'
import { OverloadedError, StoreUnavailableError } from '../../../../src/runtime/errors.js'
import { MemoryDatabase } from '../../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../../src/testing/memory/store.js'
import { doorDefinition } from '../../../support/machines/door.js'
import { actor, newDoors } from '../../../support/machines/doors.js'

const DOORS = 100
const COMMIT_MS = 20

it('a caller that waits behind failed commits gets an error, even if no further command is sent', async () => {
  let isFull = false
  const store = createMemoryStore({ database: new MemoryDatabase(() => Date.now()) })
  const { commit } = store
  const engine = createEngine({
    store: {
      ...store,
      async commit(writes, leaseMs) {
        if (!isFull) return commit(writes, leaseMs)
        await delay(COMMIT_MS)
        throw new StoreUnavailableError('The disk is full', { isLasting: true })
      },
    },
    definitions: [doorDefinition as unknown as Definition],
  })
  const doors = await newDoors(engine, DOORS)
  isFull = true
  const open = (id: string) => engine.send(id, { type: 'open', who: 'bob' }, { actor }).catch(error => error)
  const first = doors.splice(0, DOORS / 2).map(open)
  await delay(COMMIT_MS / 4)
  // All commits are under way now, so these wait.
  const later = doors.map(open)
  expect(await Promise.all([...first, ...later])).toEqual(
    Array.from({ length: DOORS }, () => expect.any(OverloadedError)),
  )
  await engine.close()
  await store.close()
})
