/* Makes any machine a definition that takes everything: what is tested is the machine, not its schemas. */
import type { AnyStateMachine } from 'xstate'
import { z } from 'zod'
import type { Definition } from '../../../src/runtime/definition.js'
import type { Step } from './case.js'

export function definitionOf(name: string, machine: AnyStateMachine, steps: readonly Step[]): Definition {
  const types = steps.flatMap(step => (typeof step === 'number' ? [] : [step.type]))
  return {
    name,
    version: 1,
    machine,
    input: z.any(),
    commands: Object.fromEntries(types.map(type => [type, z.any()])),
    status: snapshot => (typeof snapshot.value === 'string' ? snapshot.value : 'nested'),
    owner: () => 'nobody',
    claims: () => [],
    refuse: () => undefined,
    refusePermanently: () => undefined,
    refuseClaim: key => ({ reason: 'HELD', key }),
    urgent: [],
    projections: [],
  }
}
