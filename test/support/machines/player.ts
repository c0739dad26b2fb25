/* A machine with memory: a shallow and a deep history state, also within a parallel state. It is made for migrations. */
import { createMachine } from 'xstate'
import { z } from 'zod'
import { type Definition, type Migration, migrateFrom } from '../../../src/runtime/definition.js'

type Config = Parameters<typeof createMachine>[0]

/** `on` has a deep history of track and lamp; `again` uses a shallow one. */
const config = {
  id: 'player',
  context: {},
  initial: 'on',
  states: {
    on: {
      initial: 'stopped',
      on: { PAUSE: 'paused', SLEEP: 'asleep' },
      states: {
        stopped: { on: { PLAY: 'playing' } },
        playing: {
          type: 'parallel',
          on: { STOP: 'stopped' },
          states: {
            track: {
              initial: 'first',
              states: { first: { on: { NEXT: 'second' } }, second: { on: { NEXT: 'third' } }, third: {} },
            },
            lamp: { initial: 'dark', states: { dark: { on: { LIGHT: 'lit' } }, lit: {} } },
          },
        },
        deep: { type: 'history', history: 'deep' },
        shallow: { type: 'history' },
      },
    },
    paused: { on: { BACK: 'on.deep', AGAIN: 'on.shallow' } },
    asleep: { on: { BACK: 'on.deep' } },
  },
}

const EVENTS = ['PLAY', 'STOP', 'NEXT', 'LIGHT', 'PAUSE', 'SLEEP', 'BACK', 'AGAIN']

export const playerConfig = (): typeof config => structuredClone(config)

export function playerDefinition(
  version: number,
  machineConfig: object = config,
  migrations: readonly Migration[] = [],
): Definition {
  return {
    name: 'player',
    version,
    machine: createMachine(machineConfig as Config),
    migrations,
    input: z.object({}),
    commands: Object.fromEntries(EVENTS.map(type => [type, z.object({ type: z.literal(type) })])),
    status: () => 'any',
    owner: () => 'ann',
    claims: () => [],
    refuse: () => undefined,
    refusePermanently: () => undefined,
    refuseClaim: () => ({ reason: 'TAKEN' }),
    urgent: [],
    projections: [],
  } as unknown as Definition
}

/** Version 2, which migrates what version 1 stored. `apply` is the change. */
export function playerV2(
  machineConfig: object,
  apply: Migration['apply'] = stored => ({ value: stored.value, context: stored.context }),
  v1: Definition = playerDefinition(1),
): Definition {
  return playerDefinition(2, machineConfig, [migrateFrom(v1, apply)])
}
