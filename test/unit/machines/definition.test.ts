import { expect, test } from '@jest/globals'
import { broadcastDefinition, type broadcastMachine } from '../../../src/machines/index.js'
import type { Definition } from '../../../src/runtime/definition.js'

test('the broadcast definition is what the runtime takes, both as itself and as any definition', () => {
  const typed: Definition<typeof broadcastMachine> = broadcastDefinition
  const any: Definition = broadcastDefinition
  expect(any).toBe(typed)
})
