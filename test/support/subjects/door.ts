/* The door as a subject of the race kit, with short times and few keys, so that callers collide. */
import fc from 'fast-check'
import type { Command } from '../../../src/runtime/api.js'
import type { Definition } from '../../../src/runtime/definition.js'
import type { Subject } from '../../../src/testing/subject.js'
import { doorDefinition } from '../machines/door.js'

const who = fc.constantFrom('bob', 'eve')

export const doorSubject: Subject = {
  definition: doorDefinition as unknown as Definition,
  inputs: fc.record({ owner: fc.constant('ann'), closeMs: fc.constantFrom(5, 200, 60_000) }),
  commands: fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Command> }[]>(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('open'), who }) },
    { weight: 3, arbitrary: fc.constant({ type: 'close' }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('take.key'), who }) },
    { weight: 3, arbitrary: fc.constant({ type: 'return.key' }) },
    { weight: 1, arbitrary: fc.constant({ type: 'brick.up' }) },
  ),
  moments: [5, 200],
}
