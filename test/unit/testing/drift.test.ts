/* What a change of a machine does to what is stored, shown with doors: each change fails until the version is raised. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createMachine } from 'xstate'
import type { Definition } from '../../../src/runtime/definition.js'
import type { JournalEntry } from '../../../src/runtime/types.js'
import {
  findDrift,
  type Golden,
  type GoldenShape,
  goldenOf,
  parseGolden,
  pureTarget,
  replay,
  schedules,
  shapeOf,
} from '../../../src/testing/index.js'
import { doorDefinition, doorMachine } from '../../support/machines/door.js'
import { doorV2Definition } from '../../support/machines/door-v2.js'
import { doorSubject } from '../../support/subjects/door.js'

const v1 = doorDefinition as unknown as Definition
const v2 = doorV2Definition as unknown as Definition

type Config = typeof doorMachine.config

/** The door, changed, and still called version 1. */
function changed(change: (config: Config) => object): Definition {
  const machine = createMachine(change(doorMachine.config) as never, doorMachine.implementations as never)
  return { ...v1, machine }
}
const statesOf = (config: Config) => config.states as Record<string, object>

let recorded: Promise<Golden[]> | undefined
const goldens = () => {
  recorded ??= recordGoldens()
  return recorded
}

async function recordGoldens(): Promise<Golden[]> {
  const found: Golden[] = []
  for (const schedule of fc.sample(schedules(doorSubject, { crashes: false }), { seed: 7, numRuns: 30 })) {
    const { history } = await replay(pureTarget(), doorSubject, schedule)
    for (const journal of Object.values(history.journals ?? {})) {
      found.push(goldenOf(v1, journal as readonly JournalEntry[]))
    }
  }
  return found
}

const driftsOf = async (definition: Definition) =>
  (await goldens()).flatMap(one => findDrift(definition, one))
const messagesOf = async (definition: Definition) =>
  (await driftsOf(definition)).map(({ kind, message }) => `${kind}: ${message}`)

describe('a change of a machine', () => {
  it('R10.5 that alters nothing is no drift', async () => {
    expect(await driftsOf(v1)).toEqual([])
    expect(await driftsOf(changed(config => ({ ...config, description: 'a door' })))).toEqual([])
    expect(findDrift(v1, shapeOf(v1))).toEqual([])
  })

  it('R10.5 that alters past decisions is shown, with the first that differs', async () => {
    const withoutKeys = changed(config => ({ ...config, on: { ...config.on, 'take.key': {} } }))
    expect(await messagesOf(withoutKeys)).toContainEqual(
      expect.stringMatching(/^decision: version \d+ \(take\.key\) would not be applied/),
    )
    const silent = changed(config => {
      const states = statesOf(config)
      return { ...config, states: { ...states, closed: { ...states.closed, entry: [] } } }
    })
    expect(await messagesOf(silent)).toContainEqual(
      expect.stringMatching(
        /^decision: version 1 \(xstate\.init\) gave emitted .*door\.closed.*, and would give \[\]/,
      ),
    )
    const slower = { ...v1, machine: doorMachine.provide({ delays: { closing: 1 } } as never) } as Definition
    expect(await messagesOf(slower)).toContainEqual(
      expect.stringMatching(/^decision: .* gave timers .*, and would give /),
    )
  })

  it('R10.5 that loses a state is shown, by a history and by the recorded states', async () => {
    const unbrickable = changed(config => {
      const { bricked: _, ...states } = statesOf(config)
      return { ...config, states, on: { ...config.on, 'brick.up': {} } }
    })
    expect(await messagesOf(unbrickable)).toContainEqual(
      expect.stringMatching(/^state: an instance stored in "bricked" could not continue/),
    )
    expect(findDrift(unbrickable, shapeOf(v1))).toEqual([
      { kind: 'state', message: 'instances may be in "door.bricked", which no longer exists' },
    ])
  })

  it('R10.5 that leaves the timer of a new region unarmed is shown', () => {
    const parallel = (regions: object): Definition => ({
      ...v1,
      machine: createMachine({ id: 'house', type: 'parallel', states: regions } as never),
    })
    const light = { initial: 'off', states: { off: {} } }
    const bell = { initial: 'silent', states: { silent: { after: { 1000: 'rung' } }, rung: {} } }
    const before = shapeOf(parallel({ light }))
    expect(findDrift(parallel({ light, bell }), before)).toEqual([
      {
        kind: 'timer',
        message: '"house.bell.silent" is in a new region: nothing would arm its timer in stored instances',
      },
    ])
    const stored: Golden = {
      format: 'loadcast-golden',
      version: 1,
      machine: 'door',
      definitionVersion: 1,
      entries: [
        {
          version: 1,
          uid: 'u',
          at: 1,
          event: { type: 'xstate.init', input: {} },
          actor: { id: 'x', role: 'x' },
          after: {
            status: 'x',
            snapshot: {
              value: { light: 'off' },
              context: {},
              status: 'active',
              historyValue: {},
              children: {},
            },
            emitted: [],
            timers: {},
            claims: [],
          },
        },
      ],
    }
    expect(findDrift(parallel({ light, bell }), stored).map(({ message }) => message)).toContainEqual(
      expect.stringContaining('nothing would arm xstate.after.1000.house.bell.silent'),
    )
  })

  it('R10.5 is no drift in a new version with a migration that handles everything stored', async () => {
    expect(await driftsOf(v2)).toEqual([])
    expect(findDrift(v2, shapeOf(v1))).toEqual([])
  })

  it('R10.5 is drift in a new version without a migration, or with one that loses a state', async () => {
    const without = { ...v2, migrations: [] }
    expect(await messagesOf(without)).toContainEqual(
      'version: Version 1 of "door" is not known here; this process knows version 2',
    )
    const [migration] = v2.migrations ?? []
    const lossy: Definition = {
      ...v2,
      migrations: [
        {
          from: v1,
          apply(stored) {
            const migrated = migration?.apply(stored)
            if (migrated === undefined) throw new Error('no migration')
            return stored.value === 'bricked'
              ? { ...migrated, value: { leaf: 'gone', bell: 'silent' } }
              : migrated
          },
        },
      ],
    }
    expect(await messagesOf(lossy)).toContainEqual(
      expect.stringMatching(/^state: an instance stored in "bricked" could not continue/),
    )
  })

  it('R10.5 of another machine, or from a later version, is refused with an error', async () => {
    const [golden] = (await goldens()) as [Golden]
    expect(findDrift({ ...v1, name: 'window' }, golden)).toEqual([
      { kind: 'version', message: 'this history is of "door", not of "window"' },
    ])
    expect(findDrift(v1, { ...golden, definitionVersion: 3 })).toEqual([
      { kind: 'version', message: 'Version 3 of "door" is not known here; this process knows version 1' },
    ])
  })
})

describe('a golden history', () => {
  it('R10.5 is refused if the value is none, with what was expected', async () => {
    const [golden] = (await goldens()).filter(({ entries }) => entries.length > 2) as [Golden]
    expect(parseGolden(JSON.stringify(golden))).toEqual(golden)
    const [first, second, third] = golden.entries
    expect(() => parseGolden('?')).toThrow(/not JSON/)
    expect(() => parseGolden({})).toThrow(/Expected a "format" of "loadcast-golden" or "loadcast-shape"/)
    expect(() => parseGolden({ ...golden, version: 9 })).toThrow(
      /version 9 of the format; this kit reads version 1/,
    )
    expect(() => parseGolden({ ...golden, entries: [] })).toThrow(/entries/)
    expect(() => parseGolden({ ...golden, entries: [first, third] })).toThrow('Version 2 is missing')
    expect(() => parseGolden({ ...golden, entries: [first, second, second] })).toThrow('Version 2 is doubled')
    const shape: GoldenShape = shapeOf(v1)
    expect(parseGolden(JSON.stringify(shape))).toEqual(shape)
  })
})
