/* The traffic light as a subject, with two timers, one inside the other's state. */
import fc from 'fast-check'
import type { Command } from '../../../src/runtime/api.js'
import type { Definition } from '../../../src/runtime/definition.js'
import type { Subject } from '../../../src/testing/subject.js'
import { trafficLightDefinition } from '../machines/traffic-light.js'

export const lightSubject: Subject = {
  definition: trafficLightDefinition as unknown as Definition,
  inputs: fc.record({
    greenMs: fc.constantFrom(20, 300),
    yellowMs: fc.constantFrom(5, 100),
    shiftMs: fc.constantFrom(500, 3_000),
  }),
  commands: fc.constantFrom<Command>(
    { type: 'push.button' },
    { type: 'push.button' },
    { type: 'push.button' },
    { type: 'switch.off' },
  ),
  moments: [20, 300, 500],
}
