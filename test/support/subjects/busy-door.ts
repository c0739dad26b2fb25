/* Doors that are never bricked up and hardly ever idle, so most commands are transitions. */
import fc from 'fast-check'
import type { Command } from '../../../src/runtime/api.js'
import type { Definition } from '../../../src/runtime/definition.js'
import type { Subject } from '../../../src/testing/subject.js'
import { doorDefinition } from '../machines/door.js'

const who = fc.constantFrom('bob', 'eve', 'kim')

export const busyDoorSubject: Subject = {
  definition: doorDefinition as unknown as Definition,
  inputs: fc.record({ owner: fc.constant('ann'), closeMs: fc.constantFrom(5, 20, 200) }),
  commands: fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Command> }[]>(
    { weight: 5, arbitrary: fc.record({ type: fc.constant('open'), who }) },
    { weight: 2, arbitrary: fc.constant({ type: 'close' }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('take.key'), who }) },
    { weight: 3, arbitrary: fc.constant({ type: 'return.key' }) },
  ),
  moments: [5, 20, 200],
}
