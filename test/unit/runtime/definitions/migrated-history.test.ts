/* A migration keeps what history states remember, and can see and change it. */
import { describe, expect, it } from '@jest/globals'
import { createActor } from 'xstate'
import type { Definition, Migration } from '../../../../src/runtime/definition.js'
import { createRegistry } from '../../../../src/runtime/definitions/registry.js'
import { upgrade } from '../../../../src/runtime/definitions/upgrade.js'
import { playerConfig, playerDefinition, playerV2 } from '../../../support/machines/player.js'

const uid = '019a0000-0000-7000-8000-000000000001'
const KEEPS = { keepsHistory: true }

/** The state after `events`, a restart after each of them. */
function run(definition: Definition, events: readonly string[], from?: unknown) {
  const { stepper } = createRegistry([definition]).get('player').at(definition.version)
  let snapshot = from === undefined ? stepper.begin({}, uid).snapshot : stepper.restore(from)
  for (const type of events) {
    const step = stepper.step(stepper.restore(JSON.parse(stepper.persist(snapshot))), { type, at: 1, uid })
    if (step.kind === 'moved') snapshot = step.snapshot
  }
  return { snapshot, stored: JSON.parse(stepper.persist(snapshot)) }
}

/** Version 1 does `before`, is migrated to `v2`, which does `after`. */
function across(v2: Definition, before: readonly string[], after: readonly string[], event: object = KEEPS) {
  const to = createRegistry([v2]).get('player')
  const { snapshot } = run(to.at(1).definition, before)
  const migrated = upgrade(to.at(1), to, snapshot, event as Record<string, unknown>)
  const stored = JSON.parse(to.stepper.persist(migrated.snapshot))
  return { historyValue: stored.historyValue, ...run(v2, after, stored) }
}

const PLAYED = ['PLAY', 'NEXT', 'LIGHT', 'PAUSE']
const PLAYING = { on: { playing: { track: 'second', lamp: 'lit' } } }

describe('the history of a migrated instance', () => {
  it.each([
    ['deep', 'BACK', PLAYING],
    ['shallow', 'AGAIN', { on: { playing: { track: 'first', lamp: 'dark' } } }],
  ])('R10.8 is kept by a migration that changes nothing: %s', (_kind, event, value) => {
    const v2 = playerV2(playerConfig())
    expect(across(v2, PLAYED, [event]).snapshot.value).toEqual(value)
    // As a plain actor that is never migrated.
    const plain = createActor(playerDefinition(1).machine).start()
    for (const type of [...PLAYED, event]) plain.send({ type })
    expect(plain.getSnapshot().value).toEqual(value)
  })

  it('R10.8 continues through later versions, and through a second migration', () => {
    const v2 = playerV2(playerConfig())
    const v3 = playerDefinition(3, playerConfig(), [
      { from: v2, apply: ({ value, context }) => ({ value, context }) },
    ])
    const registry = createRegistry([v3])
    const at = (version: number) => registry.get('player').at(version)
    const first = upgrade(at(1), at(2), run(at(1).definition, PLAYED).snapshot, KEEPS)
    const second = upgrade(at(2), at(3), first.snapshot, KEEPS)
    const stored = JSON.parse(at(3).stepper.persist(second.snapshot))
    expect(run(v3, ['BACK'], stored).snapshot.value).toEqual(PLAYING)
  })

  it.each(['disc', 'acme.player', 'a\\b.c', 'player.on'])(
    'R10.8 survives another id of the machine: %s',
    id => {
      const v2 = playerV2({ ...playerConfig(), id })
      const { historyValue, snapshot } = across(v2, PLAYED, ['BACK'])
      expect(Object.keys(historyValue).sort()).toEqual([`${id}.on.deep`, `${id}.on.shallow`])
      expect(snapshot.value).toEqual(PLAYING)
    },
  )

  it.each(['acme.player', 'a\\b', '.'])('R10.8 survives a restart of a machine called %s', id => {
    const definition = playerDefinition(1, { ...playerConfig(), id })
    expect(run(definition, [...PLAYED, 'BACK']).snapshot.value).toEqual(PLAYING)
  })

  it('R10.8 finds states with their own ids by these, wherever they were moved', () => {
    const before = playerConfig()
    Object.assign(before.states.on.states.deep, { id: 'memory' })
    Object.assign(before.states.on.states.playing.states.track.states.second, { id: 'two' })
    const after = structuredClone(before)
    const { track } = after.states.on.states.playing.states
    const { id } = track.states.second as { readonly id?: string }
    Object.assign(track, { states: { first: {}, third: {}, other: { id } } })
    const { historyValue, snapshot } = across(
      playerV2(after, undefined, playerDefinition(1, before)),
      PLAYED,
      [],
    )
    expect(historyValue.memory).toContainEqual({ id: 'two' })
    const next = run(playerV2(after, undefined, playerDefinition(1, before)), ['BACK'], {
      ...JSON.parse(JSON.stringify(snapshot)),
      historyValue,
    })
    expect(next.snapshot.value).toEqual({ on: { playing: { track: 'other', lamp: 'lit' } } })
  })

  it('R10.8 drops the states that are gone: their region starts over, and the other is kept', () => {
    const after = playerConfig()
    const { track } = after.states.on.states.playing.states
    Object.assign(track, { states: { first: {}, third: {} } })
    expect(across(playerV2(after), PLAYED, ['BACK']).snapshot.value).toEqual({
      on: { playing: { track: 'first', lamp: 'lit' } },
    })
  })

  it('R10.8 drops an entry of which nothing is left: the default of the history state applies', () => {
    const after = playerConfig()
    const { playing: _, ...others } = after.states.on.states
    Object.assign(others.deep, { target: 'loud' })
    Object.assign(after.states.on, { states: { ...others, stopped: {}, loud: {} } })
    const { historyValue, snapshot } = across(playerV2(after), PLAYED, ['BACK'])
    expect(historyValue).toEqual({})
    expect(snapshot.value).toEqual({ on: 'loud' })
  })

  it('R10.8 drops the entry of a history state that is gone or no longer one', () => {
    const after = playerConfig()
    Object.assign(after.states.on.states, { deep: {}, shallow: { type: 'history' } })
    expect(Object.keys(across(playerV2(after), PLAYED, []).historyValue)).toEqual(['player.on.shallow'])
  })

  it('R10.8 drops states that can no longer be active together', () => {
    const after = playerConfig()
    Object.assign(after.states.on.states.playing, { type: 'compound', initial: 'lamp' })
    expect(across(playerV2(after), PLAYED, ['BACK']).snapshot.value).toEqual({ on: 'stopped' })
  })

  it.each([
    ['deep to shallow', 'shallow', ['BACK'], { on: { playing: { track: 'first', lamp: 'dark' } } }],
    ['deep to deep', 'deep', ['BACK'], PLAYING],
  ])('R10.8 fits the kind of the new history state: %s', (_what, history, events, value) => {
    const after = playerConfig()
    Object.assign(after.states.on.states.deep, { history })
    expect(across(playerV2(after), PLAYED, events).snapshot.value).toEqual(value)
  })

  it('R10.8 starts a new region with its default', () => {
    const after = playerConfig()
    Object.assign(after.states.on.states.playing.states, {
      volume: { initial: 'low', states: { low: {}, high: {} } },
    })
    expect(across(playerV2(after), PLAYED, ['BACK']).snapshot.value).toEqual({
      on: { playing: { track: 'second', lamp: 'lit', volume: 'low' } },
    })
  })
})

describe('a migration function', () => {
  it('R10.8 sees the history as it is stored', () => {
    let seen: unknown
    const v2 = playerV2(playerConfig(), ({ value, context, historyValue }) => {
      seen = historyValue
      return { value, context }
    })
    across(v2, PLAYED, [])
    const { stored } = run(playerDefinition(1), PLAYED)
    expect(seen).toEqual(stored.historyValue)
    expect(seen).toEqual({
      'player.on.deep': [{ id: 'player.on.playing.track.second' }, { id: 'player.on.playing.lamp.lit' }],
      'player.on.shallow': [{ id: 'player.on.playing' }],
    })
  })

  it('R10.8 may return everything that it was shown', () => {
    expect(
      across(
        playerV2(playerConfig(), stored => stored),
        PLAYED,
        ['BACK'],
      ).snapshot.value,
    ).toEqual(PLAYING)
    const renamed = playerV2({ ...playerConfig(), id: 'disc' }, stored => stored)
    expect(across(renamed, PLAYED, ['BACK']).snapshot.value).toEqual(PLAYING)
  })

  it('R10.8 may change the history, and forget it', () => {
    const changed = playerV2(playerConfig(), ({ value, context }) => ({
      value,
      context,
      historyValue: { 'player.on.deep': [{ id: 'player.on.playing.track.third' }] },
    }))
    expect(across(changed, PLAYED, ['BACK']).snapshot.value).toEqual({
      on: { playing: { track: 'third', lamp: 'dark' } },
    })
    const forgotten = playerV2(playerConfig(), ({ value, context }) => ({ value, context, historyValue: {} }))
    expect(across(forgotten, PLAYED, ['BACK']).snapshot.value).toEqual({ on: 'stopped' })
  })

  const DEEP = 'player.on.deep'
  it.each([
    [
      { 'player.on.gone': [{ id: 'player.on' }] },
      /historyValue\["player\.on\.gone"\]: expected a history state: "player\.on\.deep", "player\.on\.shallow"; got "player\.on\.gone"/,
    ],
    [
      { 'player.on': [{ id: 'player.on.stopped' }] },
      /historyValue\["player\.on"\]: expected a history state/,
    ],
    [
      { [DEEP]: [{ id: 'player.on.gone' }] },
      /historyValue\["player\.on\.deep"\]\[0\]\.id: expected the id of a state within "player\.on", got "player\.on\.gone"/,
    ],
    [{ [DEEP]: [{ id: 'player.paused' }] }, /a state within "player\.on", got "player\.paused"/],
    [{ [DEEP]: [{ id: 'player.on' }] }, /a state within "player\.on", got "player\.on"/],
    [{ [DEEP]: [{ id: 'player.on.shallow' }] }, /got "player\.on\.shallow"/],
    [
      { 'player.on.shallow': [{ id: 'player.on.playing.track' }] },
      /a child of "player\.on", got "player\.on\.playing\.track"/,
    ],
    [
      { [DEEP]: [{ id: 'player.on.stopped' }, { id: 'player.on.playing.lamp.lit' }] },
      /active together; "player\.on\.stopped" and "player\.on\.playing\.lamp\.lit" cannot/,
    ],
    [{ [DEEP]: ['player.on.stopped'] }, /\[0\]\.id: .*got "player\.on\.stopped"/],
    [{ [DEEP]: [null] }, /\[0\]\.id: .*got null/],
    [{ [DEEP]: [] }, /expected an array of states.*got an empty one/],
    [{ [DEEP]: 'player.on.stopped' }, /expected an array of states.*got "player\.on\.stopped"/],
    [[], /historyValue: expected an object, got an array/],
    ['deep', /historyValue: expected an object, got "deep"/],
    [null, /historyValue: expected an object, got null/],
  ])('R10.8 gets an error for a faulty history that it returns: %j', (historyValue, message) => {
    const apply = (({ value, context }) => ({ value, context, historyValue })) as Migration['apply']
    expect(() => across(playerV2(playerConfig(), apply), PLAYED, [])).toThrow(message)
    expect(() => across(playerV2(playerConfig(), apply), PLAYED, [])).toThrow(
      /^player v2: the migration from player v1: historyValue/,
    )
  })

  it('R10.8 gets an error if the new machine has no history state at all', () => {
    const after = playerConfig()
    Object.assign(after.states.on.states, { deep: {}, shallow: {} })
    const v2 = playerV2(after, stored => ({ ...stored, historyValue: { x: [{ id: 'player.on' }] } }))
    expect(() => across(v2, PLAYED, [])).toThrow(/the machine has no history state; got "x"/)
  })
})

describe('a migration that returns no state of the new machine', () => {
  it.each([
    [undefined, /result: expected { value, context }, got undefined$/],
    ['on', /result: expected { value, context }, got "on"$/],
    [{ value: 'paused' }, /context: expected an object, got undefined$/],
    [{ value: 'paused', context: [] }, /context: expected an object, got an array$/],
    [
      { value: 'paused', context: { at: new Date(0) } },
      /context\.at: is a Date: store a number or an ISO string$/,
    ],
    [{ value: 'paused', context: { ids: [new Set()] } }, /context\.ids\[0\]: is a Set: store an array$/],
    [{ value: 'nowhere', context: {} }, /value: State 'nowhere' does not exist on 'player'$/],
    [{ value: { on: 'nowhere' }, context: {} }, /value: State 'nowhere' does not exist on 'player\.on'$/],
    [{ value: undefined, context: {} }, /value: /],
    [{ value: null, context: {} }, /value: /],
    [{ value: 7, context: {} }, /value: expected a state value, got 7$/],
    [
      { value: { on: 'deep' }, context: {} },
      /value: "player\.on\.deep" is a history state, which is never active$/,
    ],
    [
      { value: { on: 'stopped', paused: {} }, context: {} },
      /value: expected one state of "player", got "player\.on" and "player\.paused"$/,
    ],
  ])('R10.8 gets an error: %j', (given, message) => {
    const v2 = playerV2(playerConfig(), (() => given) as unknown as Migration['apply'])
    expect(() => across(v2, PLAYED, [])).toThrow(message)
    expect(() => across(v2, PLAYED, [])).toThrow(/^player v2: the migration from player v1: /)
  })
})

describe('a migration that returns a part of a state value', () => {
  it('R10.8 is completed with the states that are entered first', () => {
    const v2 = playerV2(
      playerConfig(),
      () => ({ value: { on: { playing: { track: 'third' } } }, context: {} }) as never,
    )
    expect(across(v2, PLAYED, []).snapshot.value).toEqual({
      on: { playing: { track: 'third', lamp: 'dark' } },
    })
  })
})

describe('a migration that was journaled by a release which dropped history', () => {
  it('R10.8 is replayed as it was', () => {
    const v2 = playerV2(playerConfig(), stored => stored)
    const event = { type: 'xstate.migrate', from: 1, to: 2 }
    expect(across(v2, PLAYED, ['BACK'], event).snapshot.value).toEqual({ on: 'stopped' })
  })
})
