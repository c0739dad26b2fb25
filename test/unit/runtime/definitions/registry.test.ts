import { describe, expect, it } from '@jest/globals'
import { assign, log, sendTo, setup } from 'xstate'
import { parseCommand } from '../../../../src/runtime/commands.js'
import type { Definition } from '../../../../src/runtime/definition.js'
import { createRegistry } from '../../../../src/runtime/definitions/registry.js'
import { InvalidEventError } from '../../../../src/runtime/errors.js'
import { doorDefinition } from '../../../support/machines/door.js'
import { trafficLightDefinition } from '../../../support/machines/traffic-light.js'

const withMachine = (machine: unknown): Definition =>
  ({ ...doorDefinition, machine }) as unknown as Definition

describe('registering a definition', () => {
  it('takes machines that use assign, emit, raise, cancel and after', () => {
    const registry = createRegistry([doorDefinition, trafficLightDefinition] as unknown as Definition[])
    expect(registry.known.map(({ machine }) => machine)).toEqual(['door', 'light'])
  })

  it.each([
    [
      'a custom action',
      setup({ actions: { call: () => {} } }).createMachine({ id: 'm', entry: 'call' }),
      /"call" would be lost/,
    ],
    ['a function in place', setup({}).createMachine({ id: 'm', entry: () => {} }), /would be lost/],
    [
      'sendTo',
      setup({}).createMachine({ id: 'm', entry: sendTo('x', { type: 'y' }) }),
      /xstate\.sendTo" would be lost/,
    ],
    ['log', setup({}).createMachine({ id: 'm', exit: log('bye') }), /xstate\.log" would be lost/],
    [
      'an action that is not implemented',
      setup({ actions: { a: assign({}) } }).createMachine({ id: 'm', on: { go: { actions: 'b' as never } } }),
      /"b" is not implemented/,
    ],
    [
      'a guard that is not implemented',
      setup({}).createMachine({ id: 'm', on: { go: { guard: 'g' as never, actions: assign({}) } } }),
      /guard "g" is not implemented/,
    ],
    [
      'a delay that is not implemented, which XState would fire at once',
      setup({}).createMachine({
        id: 'm',
        initial: 'a',
        states: { a: { after: { later: 'b' } as never }, b: {} },
      }),
      /delay "later" is not implemented/,
    ],
    [
      'an invoked actor',
      setup({ actors: {} as never }).createMachine({ id: 'm', invoke: { src: 'x' } as never }),
      /invoked actors/,
    ],
  ])('refuses %s, and names it', (_what, machine, message) => {
    expect(() => createRegistry([withMachine(machine)])).toThrow(message)
  })

  it('refuses two definitions of one name', () => {
    const door = doorDefinition as unknown as Definition
    expect(() => createRegistry([door, door])).toThrow(/Two definitions/)
  })

  it('R10.5 refuses an instance that another version of the definition wrote', () => {
    const registry = createRegistry([doorDefinition as unknown as Definition])
    const row = {
      id: 'x',
      machine: 'door',
      definitionVersion: 2,
      version: 1,
      status: '',
      owner: '',
      snapshot: {},
      createdAt: 0,
      updatedAt: 0,
    }
    expect(() => registry.restore(row)).toThrow(/version 2 of "door"; this process knows version 1/)
  })
})

describe('a command from outside', () => {
  const door = doorDefinition as unknown as Definition

  it.each(['xstate.init', 'xstate.after.closing.door.open', 'xstate.stop', 'toString', '__proto__', 'sing'])(
    'is never accepted as %s',
    type => {
      expect(() => parseCommand(door, { type })).toThrow(InvalidEventError)
    },
  )

  it('is refused with the paths of its faults', () => {
    try {
      parseCommand(door, { type: 'open', who: 7 } as { type: string })
      throw new Error('expected a refusal')
    } catch (error) {
      expect((error as InvalidEventError).issues[0]?.path).toBe('who')
    }
  })
})
