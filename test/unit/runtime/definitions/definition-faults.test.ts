/* Every fault of a definition is found at registration, with its path, together with all the others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import {
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  not,
  or,
  raise,
  sendTo,
  setup,
  spawnChild,
  stateIn,
} from 'xstate'
import { z } from 'zod'
import type { Definition, Migration } from '../../../../src/runtime/definition.js'
import { ENGINE_TABLES } from '../../../../src/runtime/definitions/checks/projections.js'
import { createRegistry } from '../../../../src/runtime/definitions/registry.js'
import { DefinitionError } from '../../../../src/runtime/errors.js'
import { createEngine } from '../../../../src/runtime/public-engine.js'
import { check, createMemoryStore } from '../../../../src/testing/index.js'
import { repositoryRoot } from '../../../support/house/import-rules.js'
import { doorDefinition } from '../../../support/machines/door.js'

type Config = Parameters<typeof createMachine>[0]
type Named = Parameters<ReturnType<typeof createMachine>['provide']>[0]

const plain = (config: object, named: object = {}) =>
  createMachine({ id: 'm', ...config } as Config).provide(named as Named)
const defined = (over: object): Definition => ({ ...doorDefinition, ...over }) as unknown as Definition
const withMachine = (config: object, named?: object) => defined({ machine: plain(config, named) })

function errorOf(work: () => unknown): DefinitionError {
  try {
    work()
  } catch (error) {
    if (error instanceof DefinitionError) return error
    throw error
  }
  throw new Error('expected a DefinitionError')
}

const faultsOf = (...definitions: unknown[]) =>
  errorOf(() => createRegistry(definitions as Definition[])).faults.map(
    ({ path, message }) => `${path}: ${message}`,
  )

/** Exactly one fault, at this path, that says this. */
function expectFault(definition: unknown, path: string, says: string | RegExp): void {
  const faults = errorOf(() => createRegistry([definition as Definition])).faults
  expect(faults.map(fault => fault.path)).toEqual([path])
  expect(faults[0]?.message).toMatch(says)
}

describe('the fields of a definition', () => {
  it.each([
    ['version', 0, /integer from 1 to 2147483647, got 0/],
    ['version', -1, /got -1/],
    ['version', 1.5, /got 1.5/],
    ['version', Number.NaN, /got NaN/],
    ['version', 2 ** 31, /got 2147483648/],
    ['version', '1', /got "1"/],
    ['version', undefined, /got undefined/],
    ['name', '', /expected a name, got ""/],
    ['name', '  ', /expected a name/],
    ['name', undefined, /expected a name, got undefined/],
    ['name', 7, /expected a name, got 7/],
    ['name', 'n'.repeat(101), /100 characters at most, got 101/],
    ['name', 'a\0b', /without control characters/],
    ['name', 'a\nb', /without control characters/],
    ['name', ' door', /white space/],
    ['name', 'door\uD800', /control characters/],
    ['machine', undefined, /made by createMachine\(\), got undefined/],
    ['machine', fromPromise(async () => 1), /made by createMachine/],
    ['machine', { id: 'm', states: {} }, /made by createMachine/],
    ['input', undefined, /expected a zod schema, got undefined/],
    ['input', { type: 'object' }, /expected a zod schema, got an object/],
    ['input', () => true, /expected a zod schema, got a function/],
    ['status', undefined, /expected a function, got undefined/],
    ['owner', 'ann', /expected a function, got "ann"/],
    ['claims', [], /expected a function, got an array/],
    ['refuse', undefined, /expected a function/],
    ['refusePermanently', null, /expected a function, got null/],
    ['refuseClaim', undefined, /expected a function/],
    ['urgent', undefined, /expected an array of command names/],
    ['commands', undefined, /expected an object of event types/],
    ['projections', undefined, /expected an array/],
    ['projections', {}, /expected an array, got an object/],
    ['migrations', {}, /expected an array/],
  ])('R10.8 are refused: %s %j', (field, value, says) => {
    const over = field === 'commands' ? { commands: value, urgent: [] } : { [field]: value }
    expectFault(defined(over), field, says)
  })

  it.each([undefined, null, 'door', 7])('R10.8 are expected in an object, not in %p', value => {
    expect(errorOf(() => createRegistry([value as unknown as Definition])).message).toMatch(
      /^definitions\[0\]: expected a definition, got/,
    )
  })

  it('R10.8 refuse urgent events that are not commands', () => {
    expectFault(
      defined({ urgent: ['open', 'brick up'] }),
      'urgent[1]',
      /one of "open", "close", .*; got "brick up"/,
    )
    expectFault(defined({ urgent: [7] }), 'urgent[0]', /got 7/)
  })
})

describe('the commands of a definition', () => {
  const command = (type: string, schema: unknown = z.object({ type: z.literal(type) })) =>
    defined({ commands: { [type]: schema }, urgent: [] })

  it.each([
    ['xstate.foo', 'commands["xstate.foo"]', /begin with "xstate\." are reserved/],
    ['xstate.init', 'commands["xstate.init"]', /reserved/],
    ['xstate.route', 'commands["xstate.route"]', /instead of `route`, let a command of your own target/],
    ['xstate.route.b', 'commands["xstate.route.b"]', /instead of `route`/],
    ['', 'commands[""]', /expected a name/],
    [' ', 'commands[" "]', /expected a name/],
    ['a\0', 'commands["a\\u0000"]', /without NUL/],
    ['x'.repeat(501), `commands.${'x'.repeat(501)}`, /500 characters at most/],
  ])('R10.8 are refused by name: %j', (type, path, says) => {
    expectFault(command(type), path, says)
  })

  it.each([
    ['no schema', { type: 'open' }, /expected a zod schema, got an object/],
    ['null', null, /expected a zod schema, got null/],
    ['another type', z.object({ type: z.literal('close') }), /to take "open".*it takes "close"/],
    ['other types', z.object({ type: z.enum(['a', 'b']) }), /it takes "a", "b"/],
    ['a schema that drops the type', z.object({ who: z.string() }), /the schema drops the type/],
    ['a schema that refuses the type', z.strictObject({ who: z.string() }), /refuses every command/],
    ['a field "at"', z.object({ type: z.literal('open'), at: z.number() }), /the field "at"/],
    [
      'an optional field "uid"',
      z.strictObject({ type: z.literal('open'), uid: z.string().optional() }),
      /"uid"/,
    ],
    [
      'a field "at" in one alternative',
      z.union([z.object({ type: z.literal('open') }), z.object({ type: z.literal('open'), at: z.date() })]),
      /the field "at"/,
    ],
    [
      'a field "at" in an intersection',
      z.object({ type: z.literal('open') }).and(z.object({ at: z.number() })),
      /"at"/,
    ],
    [
      'a field "at" behind a refinement and a default',
      z
        .object({ type: z.literal('open'), at: z.number() })
        .refine(() => true)
        .default({ type: 'open', at: 1 }),
      /"at"/,
    ],
    [
      'a field "at" behind a pipe',
      z.preprocess(x => x, z.object({ type: z.literal('open'), at: z.number() })),
      /"at"/,
    ],
    ['a field "at" in a lazy schema', z.lazy(() => z.looseObject({ at: z.number() })), /"at"/],
  ])('R10.8 are refused for %s', (_what, schema, says) => {
    expectFault(command('open', schema), 'commands.open', says)
  })

  it.each([
    ['any value', z.any()],
    ['a record', z.record(z.string(), z.unknown())],
    ['a loose object', z.looseObject({ who: z.string() })],
    ['a string for the type', z.object({ type: z.string() })],
    ['several types', z.object({ type: z.literal(['open', 'close']) })],
    [
      'a field "at" further inside',
      z.object({ type: z.literal('open'), place: z.object({ at: z.number() }) }),
    ],
    ['a transform', z.object({ type: z.literal('open') }).transform(one => ({ ...one, more: 1 }))],
    [
      'a union of which one fits',
      z.union([z.object({ type: z.literal('x') }), z.object({ type: z.literal('open') })]),
    ],
    ['a union with what cannot be seen', z.union([z.object({ who: z.string() }), z.custom(() => true)])],
  ])('R10.8 are accepted with %s', (_what, schema) => {
    expect(createRegistry([command('open', schema)]).get('door').definition.version).toBe(1)
  })

  it('R10.8 refuses the fields of the stamp in an input', () => {
    const input = z.strictObject({ owner: z.string(), at: z.number(), uid: z.string() })
    expect(faultsOf(defined({ input }))).toEqual([
      expect.stringMatching(/^input: declares the field "at"/),
      expect.stringMatching(/^input: declares the field "uid"/),
    ])
  })
})

describe('the projections of a definition', () => {
  const projected = (over: object) =>
    defined({ projections: [{ table: 'doors', columns: { id: 'uuid' }, rows: () => [], ...over }] })

  it.each([
    'x"; drop',
    'Doors',
    '1st',
    'door-rows',
    'door rows',
    'türen',
    '',
    'a.b',
    'd'.repeat(64),
    undefined,
    7,
  ])('R10.8 are refused with the table %j', table => {
    expectFault(projected({ table }), 'projections[0].table', /lower-case letters, digits and _/)
  })

  it.each([
    'instances',
    'journal',
    'events',
    'outbox',
    'timers',
    'claims',
    'idempotency_keys',
    'processes',
    'journal_2026_11',
  ])('R10.8 may not write into the engine’s table %s', table => {
    expectFault(projected({ table }), 'projections[0].table', `"${table}" is a table of the engine`)
  })

  it('R10.8 may not write into any of the engine’s tables: each table of the schema is the engine’s or freight’s', () => {
    const freight = [
      'admin_actions',
      'answers',
      'devices',
      'driver_invitations',
      'drivers',
      'idempotency_key_counts',
      'people',
      'push_pace',
      'pushes',
      'recipients',
      'refresh_families',
      'transporters',
      'trips',
      'users',
      'vehicles',
    ]
    const schema = readFileSync(join(repositoryRoot, 'migrations/schema.txt'), 'utf8')
    const tables = [...schema.matchAll(/^table (?:\w+\.)?(\w+)/gm)].map(([, name = '']) => name)
    expect(tables.length).toBeGreaterThan(freight.length)
    expect(tables.filter(name => !ENGINE_TABLES.has(name))).toEqual(freight)
  })

  it.each([
    [{ id: 'uuid', Who: 'text' }, 'projections[0].columns.Who', /lower-case/],
    [{ id: 'uuid', 'a"b': 'text' }, 'projections[0].columns["a\\"b"]', /lower-case/],
    [{ id: 'uuid', instance: 'uuid' }, 'projections[0].columns.instance', /filled by the engine/],
    [{ id: 'uuid', version: 'integer' }, 'projections[0].columns.version', /filled by the engine/],
    [{ id: 'uuid', who: 'varchar' }, 'projections[0].columns.who', /one of uuid, text, .*; got "varchar"/],
    [{ id: 'uuid', who: undefined }, 'projections[0].columns.who', /got undefined/],
    [{ who: 'text' }, 'projections[0].columns', /expected a column "id"/],
    [undefined, 'projections[0].columns', /got undefined/],
  ])('R10.8 are refused with the columns %j', (columns, path, says) => {
    expectFault(projected({ columns }), path, says)
  })

  it('R10.8 are refused without rows, and twice for one table', () => {
    expectFault(projected({ rows: undefined }), 'projections[0].rows', /expected a function/)
    const one = { table: 'doors', columns: { id: 'uuid' }, rows: () => [] }
    expectFault(defined({ projections: [one, one] }), 'projections[1].table', /table of projections\[0\] too/)
    expectFault(defined({ projections: [null] }), 'projections[0]', /expected a projection, got null/)
  })
})

describe('the guards of a machine', () => {
  const known = { guards: { isFree: () => true } }
  const missing = 'the guard "missing" is not implemented: pass it to setup({ guards })'
  const on = (guard: unknown) => ({ on: { GO: { guard, actions: assign({}) } } })

  it.each([
    ['a name', on('missing'), 'on.GO.guard'],
    ['an object', on({ type: 'missing', params: { a: 1 } }), 'on.GO.guard'],
    ['and', on(and(['isFree', 'missing'] as never)), 'on.GO.guard.and[1]'],
    ['or', on(or(['missing', 'isFree'] as never)), 'on.GO.guard.or[0]'],
    ['not', on(not('missing' as never)), 'on.GO.guard.not'],
    ['not, as an object', on(not({ type: 'missing' } as never)), 'on.GO.guard.not'],
    [
      'or in and in not',
      on(not(and(['isFree', or([() => true, 'missing'] as never)] as never))),
      'on.GO.guard.not.and[1].or[1]',
    ],
    [
      'the second of several',
      { on: { 'a.b': [{ guard: 'isFree' }, { guard: 'missing' }] } },
      'on["a.b"][1].guard',
    ],
    ['a wildcard', { on: { '*': { guard: 'missing' } } }, 'on["*"].guard'],
    ['always', { always: { guard: 'missing', actions: [] } }, 'always.guard'],
    [
      'one of several always',
      { always: [{ guard: 'isFree' }, { guard: and(['missing'] as never) }] },
      'always[1].guard.and[0]',
    ],
    ['after', { after: { 1000: { guard: 'missing' } } }, 'after["1000"].guard'],
    ['onDone', { onDone: [{ guard: 'missing' }] }, 'onDone[0].guard'],
    [
      'a state deep inside',
      {
        initial: 'a',
        states: { a: { initial: 'b', states: { b: { initial: 'c', states: { c: on('missing') } } } } },
      },
      'states.a.states.b.states.c.on.GO.guard',
    ],
    [
      'a region',
      {
        type: 'parallel',
        states: { left: {}, right: { initial: 'x', states: { x: { always: { guard: 'missing' } } } } },
      },
      'states.right.states.x.always.guard',
    ],
    [
      'a route',
      { initial: 'a', states: { a: { id: 'a', route: { guard: 'missing' } } } },
      'states.a.route.guard',
    ],
    ['check()', { entry: enqueueActions(({ check }) => void check('missing')) }, 'entry.check'],
    [
      'check() of an object',
      {
        exit: enqueueActions(({ check: _, ...args }) => void args),
        entry: enqueueActions(({ check }) => void check({ type: 'missing' })),
      },
      'entry.check',
    ],
    [
      'check() of and()',
      {
        entry: [
          enqueueActions(({ enqueue, check }) => {
            if (check(and(['isFree', not('missing' as never)] as never))) enqueue.assign({})
          }),
        ],
      },
      'entry[0].check',
    ],
    [
      'check() of undestructured arguments',
      { entry: enqueueActions(args => void args.check('missing')) },
      'entry.check',
    ],
  ])('R10.8 are found missing in %s', (_where, config, path) => {
    expectFault(withMachine(config, known), path, missing)
  })

  it.each([
    ['onDone', 'invoke.onDone.guard'],
    ['onError', 'invoke.onError.guard'],
    ['onSnapshot', 'invoke.onSnapshot.guard'],
  ])('R10.8 are found missing in %s of an invoke, which is itself refused', (key, path) => {
    const definition = withMachine(
      { invoke: { src: 'work', [key]: { guard: 'missing' } } },
      { actors: { work: fromPromise(async () => 1) } },
    )
    expect(faultsOf(definition)).toEqual([
      expect.stringMatching(/^invoke: invoked actors cannot be made durable/),
      `${path}: ${missing}`,
    ])
  })

  it('R10.8 are followed through the guards given to setup', () => {
    const named = { guards: { canGo: and(['missing'] as never), alias: 'canGo', other: { type: 'gone' } } }
    expect(faultsOf(withMachine(on('alias'), named))).toEqual([
      `guards.canGo.and[0]: ${missing}`,
      expect.stringMatching(/^guards\.other: the guard "gone" is not implemented/),
    ])
  })

  it('R10.8 are refused if they refer to themselves', () => {
    const named = {
      guards: { a: not('b' as never), b: or([() => false, 'a'] as never), c: and(['c'] as never) },
    }
    expect(faultsOf(withMachine({}, named))).toEqual([
      'guards.a: is made of itself: "a" → "b" → "a"',
      'guards.b: is made of itself: "b" → "a" → "b"',
      'guards.c: is made of itself: "c" → "c"',
    ])
  })

  it.each([null, 7, {}, []])('R10.8 are refused as %j', guard => {
    expectFault(withMachine(on(guard)), 'on.GO.guard', /expected a guard: a function or a name/)
  })

  it('R10.8 refuse a stateIn of a state that does not exist', () => {
    expectFault(withMachine(on(and([stateIn('#nowhere')]))), 'on.GO.guard.and[0].stateIn', /id "#nowhere"/)
    expect(createRegistry([withMachine(on(stateIn('#m')))]).newest.size).toBe(1)
  })

  it.each([
    ['a name that is there', on(and(['isFree', not({ type: 'isFree' } as never)] as never))],
    ['a function', on(() => true)],
    ['nothing', on(undefined)],
    ['a name of Object’s is no guard, but none is asked for', {}],
    [
      'a name that is computed',
      { entry: enqueueActions(({ check, context }) => void check(`${context}` as never)) },
    ],
    [
      'a check of somebody else',
      {
        entry: enqueueActions(({ enqueue }) => {
          const check = (_: string) => true
          if (check('missing')) enqueue.assign({})
        }),
      },
    ],
    [
      'a comment',
      {
        entry: enqueueActions(({ check }) => {
          /* check('missing') */ check('isFree')
        }),
      },
    ],
  ])('R10.8 are accepted: %s', (_what, config) => {
    expect(createRegistry([withMachine(config, known)]).newest.size).toBe(1)
  })

  it('R10.8 do not find a guard on Object.prototype', () => {
    expectFault(withMachine(on('toString')), 'on.GO.guard', /"toString" is not implemented/)
  })
})

describe('the actions of a machine', () => {
  const missing = /the action "missing" is not implemented: pass it to setup/
  it.each([
    ['entry', { entry: 'missing' }, 'entry'],
    ['the second entry', { entry: [assign({}), 'missing'] }, 'entry[1]'],
    ['exit', { exit: [{ type: 'missing' }] }, 'exit[0]'],
    ['a transition', { on: { GO: { actions: ['missing'] } } }, 'on.GO.actions[0]'],
    ['always', { always: { guard: () => false, actions: 'missing' } }, 'always.actions'],
    ['after', { after: { 5: [{ actions: 'missing' }] } }, 'after["5"][0].actions'],
    ['onDone', { onDone: { actions: 'missing' } }, 'onDone.actions'],
    ['initial', { initial: { target: 'a', actions: ['missing'] }, states: { a: {} } }, 'initial.actions[0]'],
    ['a state inside', { initial: 'a', states: { a: { entry: 'missing' } } }, 'states.a.entry'],
    [
      'enqueueActions',
      { entry: enqueueActions(({ enqueue }) => enqueue('missing' as never)) },
      'entry.enqueue',
    ],
    [
      'enqueueActions, as an object',
      { entry: enqueueActions(({ enqueue }) => enqueue({ type: 'missing' } as never)) },
      'entry.enqueue',
    ],
  ])('R10.8 are found missing in %s', (_where, config, path) => {
    expectFault(withMachine(config), path, missing)
  })

  it.each([
    ['a function', { entry: () => {} }, 'entry', /would be lost: only assign, raise/],
    ['sendTo', { entry: sendTo('x', { type: 'y' }) }, 'entry', /"xstate\.sendTo" would be lost/],
    [
      'spawnChild',
      { entry: spawnChild(fromPromise(async () => 1)) },
      'entry',
      /"xstate\.spawnChild" would be lost/,
    ],
    [
      'raise of a string',
      { entry: raise('go' as never) },
      'entry.event',
      /expected { type: "go" }, got "go"/,
    ],
    ['raise of nothing', { entry: raise(undefined as never) }, 'entry.event', /string "type", got undefined/],
    ['emit without a type', { entry: emit({} as never) }, 'entry.event', /string "type", got an object/],
    [
      'an audience that is no array',
      { entry: emit({ type: 'x', audience: 'ann' } as never) },
      'entry.event.audience',
      /array of strings, got "ann"/,
    ],
    [
      'an audience of numbers',
      { entry: emit({ type: 'x', audience: ['ann', 7] } as never) },
      'entry.event.audience[1]',
      /expected a string, got 7/,
    ],
    ['nothing at all', { entry: [null] }, 'entry[0]', /a function or a name, got null/],
    ['false', { entry: [false] }, 'entry[0]', /a function or a name, got false/],
  ])('R10.8 are refused: %s', (_what, config, path, says) => {
    expectFault(withMachine(config), path, says)
  })

  it('R10.8 are refused if a name stands for one that would be lost, by its name', () => {
    const definition = withMachine(
      { entry: 'call', on: { GO: { actions: { type: 'call' } } } },
      { actions: { call: () => {} } },
    )
    expect(faultsOf(definition)).toEqual([
      expect.stringMatching(/^entry: the action "call" would be lost: .*subscriber/),
      expect.stringMatching(/^on\.GO\.actions: the action "call" would be lost/),
    ])
    expectFault(
      withMachine({}, { actions: { call: 'log' } }),
      'actions.call',
      /expected a function, got "log"/,
    )
  })

  it('R10.8 name actors that are missing', () => {
    expect(faultsOf(withMachine({ invoke: [{ src: 'work' }], entry: spawnChild('other' as never) }))).toEqual(
      [
        expect.stringMatching(/^entry: the action "xstate.spawnChild" would be lost/),
        expect.stringMatching(
          /^entry\.src: the actor "other" is not implemented: pass it to setup\({ actors }\)/,
        ),
        expect.stringMatching(/^invoke\[0\]: invoked actors cannot be made durable/),
        expect.stringMatching(/^invoke\[0\]\.src: the actor "work" is not implemented/),
      ],
    )
  })
})

describe('the delays of a machine', () => {
  const event = { type: 'GO' }
  it.each([
    ['after', { after: { later: { actions: [] } } }, 'after.later', /delay "later" is not implemented/],
    ['after, below zero', { after: { '-5': {} } }, 'after["-5"]', /from 0 to .*, got -5/],
    ['after, without end', { after: { Infinity: {} } }, 'after.Infinity', /got Infinity/],
    ['after, beyond a timestamp', { after: { 1e17: {} } }, 'after["100000000000000000"]', /a thousand years/],
    [
      'raise',
      { entry: raise(event, { delay: 'later' as never }) },
      'entry.delay',
      /"later" is not implemented and would fire at once/,
    ],
    [
      'raise of a number in quotes',
      { entry: raise(event, { delay: '100' as never }) },
      'entry.delay',
      /"100" is not implemented/,
    ],
    [
      'raise, beyond a timestamp',
      { entry: [raise(event, { delay: 1e17 })] },
      'entry[0].delay',
      /a thousand years\), got 100000000000000000/,
    ],
    ['raise of NaN', { entry: raise(event, { delay: Number.NaN }) }, 'entry.delay', /got NaN/],
    ['raise of null', { entry: raise(event, { delay: null as never }) }, 'entry.delay', /got null/],
  ])('R10.8 are refused in %s', (_where, config, path, says) => {
    expectFault(withMachine(config), path, says)
  })

  it('R10.8 are found in named actions, in sendTo, and among the named delays', () => {
    const named = {
      actions: {
        later: raise(event, { delay: 'missing' as never }),
        tell: sendTo('x', event, { delay: 'gone' as never }),
      },
      delays: { quoted: '100', never: Number.POSITIVE_INFINITY, back: -1, computed: () => 5, fine: 0 },
    }
    expect(faultsOf(withMachine({ entry: ['later', cancel('x')] }, named))).toEqual([
      expect.stringMatching(/^actions\.later\.delay: the delay "missing" is not implemented/),
      expect.stringMatching(/^actions\.tell\.delay: the delay "gone" is not implemented/),
      expect.stringMatching(/^delays\.quoted: expected milliseconds, .*got "100"/),
      expect.stringMatching(/^delays\.never: .*got Infinity/),
      expect.stringMatching(/^delays\.back: .*got -1/),
    ])
  })
})

describe('the states of a machine', () => {
  it('R10.8 need their own ids, by which history and timers find them', () => {
    const definition = withMachine({ initial: 'a', states: { a: { id: 'x' }, b: { id: 'x' } } })
    expectFault(definition, 'states.a.id', /two states have the id "x"/)
    const dotted = withMachine({
      initial: 'a',
      states: { 'a.b': {}, a: { initial: 'b', states: { b: {} } } },
    })
    expectFault(dotted, 'states["a.b"].id', /two states have the id "m\.a\.b"/)
  })
})

describe('the migrations of a definition', () => {
  const older = (version: number, over: object = {}) => defined({ version, ...over })
  const from = (definition: unknown, apply: unknown = (stored: unknown) => stored) =>
    ({ from: definition, apply }) as Migration
  const newest = (...migrations: unknown[]) => defined({ version: 3, migrations })

  it.each([
    [
      'its own version',
      from(older(3)),
      'migrations[0].from',
      /cannot be migrated to from version 3 of "door": expected an older/,
    ],
    ['a newer version', from(older(4)), 'migrations[0].from', /from version 4/],
    [
      'another definition',
      from(older(1, { name: 'gate' })),
      'migrations[0].from',
      /from version 1 of "gate"/,
    ],
    ['nothing', from(undefined), 'migrations[0].from', /expected a definition, got undefined/],
    ['no object', null, 'migrations[0]', /expected a definition, got null/],
    ['no function', { from: older(1), apply: 'x' }, 'migrations[0].apply', /expected a function, got "x"/],
  ])('R10.8 are refused from %s', (_what, migration, path, says) => {
    expectFault(newest(migration), path, says)
  })

  it('R10.8 are refused twice from one version, and from two definitions of one version', () => {
    const one = older(1)
    expectFault(
      newest(from(one), from(one)),
      'migrations[1].from',
      /version 1 is migrated by migrations\[0\] already/,
    )
    expectFault(
      newest(from(older(2, { migrations: [from(one)] })), from(older(1))),
      'version',
      /Two definitions are version 1 of "door"/,
    )
  })

  it('R10.8 have the faults of older versions reported with their version', () => {
    const error = errorOf(() => createRegistry([newest(from(older(2, { owner: undefined })))]))
    expect(error.message).toBe('door v2: owner: expected a function, got undefined')
  })

  it('R10.8 lead on by any way that exists', () => {
    const v1 = older(1)
    const v2 = older(2)
    const v3 = older(3, { migrations: [from(v1)] })
    const v4 = older(4, { migrations: [from(v2)] })
    const registry = createRegistry([defined({ version: 5, migrations: [from(v3), from(v4)] })])
    expect(registry.known.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4, 5])
  })
})

describe('all faults of all definitions', () => {
  const faulty = () =>
    [
      defined({
        name: 'broadcast',
        version: 2,
        machine: plain({
          initial: 'a',
          states: { a: { on: { GO: { guard: and([() => true, 'isFree'] as never) } } } },
        }),
        commands: { 'xstate.foo': z.any(), '': z.any() },
        projections: [{ table: 'x"; drop', columns: { id: 'uuid' }, rows: () => [] }],
        urgent: [],
      }),
      defined({ version: 0, status: undefined }),
    ] as const

  it('R10.8 are reported together, each with its definition, path and what was expected', () => {
    const { message, faults } = errorOf(() => createRegistry(faulty()))
    expect(message.split('\n')).toEqual([
      '6 faults in the definitions:',
      '- broadcast v2: states.a.on.GO.guard.and[1]: the guard "isFree" is not implemented: pass it to setup({ guards })',
      '- broadcast v2: commands["xstate.foo"]: names that begin with "xstate." are reserved',
      '- broadcast v2: commands[""]: expected a name',
      expect.stringMatching(
        /^- broadcast v2: projections\[0\]\.table: expected lower-case letters, .*; got "x\\"; drop"$/,
      ),
      '- door v0: version: expected an integer from 1 to 2147483647, got 0',
      '- door v0: status: expected a function, got undefined',
    ])
    expect(faults[0]).toMatchObject({ definition: 'broadcast v2', path: 'states.a.on.GO.guard.and[1]' })
  })

  it('R10.8 are the same for the engine and for the checker of the race kit', () => {
    const [broadcast] = faulty()
    const expected = errorOf(() => createRegistry([broadcast])).message
    const store = createMemoryStore()
    expect(errorOf(() => createEngine({ store, definitions: [broadcast] })).message).toBe(expected)
    const history = { machine: 'broadcast', definitionVersion: 2, operations: [] } as never
    expect(errorOf(() => check(history, broadcast)).message).toBe(expected)
  })

  it('R10.8 include two definitions of one name', () => {
    expect(faultsOf(doorDefinition, defined({ version: 2 }))).toEqual([
      expect.stringMatching(/^name: Two definitions are named "door"/),
    ])
  })

  it('R10.8 are bounded in the message, and complete in the error’s fields', () => {
    const states = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`s${i}`, { entry: 'missing' }]))
    const error = errorOf(() => createRegistry([withMachine({ initial: 's0', states })]))
    expect(error.faults).toHaveLength(150)
    expect(error.message).toMatch(/^150 faults.*- and 50 more$/s)
  })

  it('R10.8 are found in a machine with types too', () => {
    const machine = setup({ guards: { isFree: () => true } }).createMachine({
      id: 'typed',
      on: { GO: { guard: and(['isFree', not('isFree')]) } },
    })
    expect(createRegistry([defined({ machine })]).newest.size).toBe(1)
  })
})
