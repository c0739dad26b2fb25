/* What comes from outside: what is refused, and what the message says. */
import { describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { parseCommand, parseInput } from '../../../src/runtime/commands.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { DefinitionError, InvalidEventError } from '../../../src/runtime/errors.js'
import { doorDefinition } from '../../support/machines/door.js'

const defined = (over: object): Definition => ({ ...doorDefinition, ...over }) as unknown as Definition
const door = defined({})

function refusal(work: () => unknown): InvalidEventError {
  try {
    work()
  } catch (error) {
    if (error instanceof InvalidEventError) return error
    throw error
  }
  throw new Error('expected an InvalidEventError')
}
const refusedCommand = (definition: Definition, event: unknown) =>
  refusal(() => parseCommand(definition, event as { type: string }))
/** A definition whose one command takes anything. */
const loose = (schema: z.ZodType = z.looseObject({ type: z.literal('go') })) =>
  defined({ commands: { go: schema }, urgent: [], input: z.any() })

describe('the message about a command', () => {
  it.each([
    [
      { type: 'open', who: 7 },
      /^The command "open" of "door" is not valid: who: .*expected string, received number/,
    ],
    [{ type: 'open' }, /: who: .*received undefined/],
    [{ type: 'open', who: 'bob', and: 'eve' }, /Unrecognized key: "and"/],
    [{ type: 'sing' }, /^"door" has no command "sing": type: expected one of: open, close, take\.key/],
    [{ type: 'toString' }, /has no command "toString"/],
    [{ type: '__proto__' }, /has no command "__proto__"/],
    [{ type: '' }, /has no command ""/],
    [
      { type: 'xstate.init' },
      /^"door" takes no event "xstate\.init": type: names that begin with "xstate\." are reserved/,
    ],
    [{ type: 7 }, /^An event of "door" is not valid: type: expected a string, got 7/],
    [{}, /type: expected a string, got undefined/],
    [undefined, /expected an object with a "type", got undefined/],
    [null, /got null/],
    ['open', /got "open"/],
    [['open'], /got an array/],
  ])('R10.8 has the path and what was expected: %j', (event, message) => {
    expect(refusedCommand(door, event).message).toMatch(message)
  })

  it('R10.8 has every issue, with paths inside arrays, and keeps them in `issues`', () => {
    const schema = z.object({
      type: z.literal('go'),
      bids: z.array(z.object({ price: z.number() })),
      to: z.string(),
    })
    const error = refusedCommand(loose(schema), { type: 'go', bids: [{ price: 1 }, { price: 'x' }] })
    expect(error.message).toMatch(/: bids\.1\.price: .*expected number.*; to: .*expected string/)
    expect(error.issues.map(({ path }) => path)).toEqual(['bids.1.price', 'to'])
  })

  it('R10.8 describes the fault inside a union', () => {
    const schema = z.object({
      type: z.literal('go'),
      to: z.union([z.string(), z.object({ lat: z.number(), lng: z.number() })]),
    })
    expect(refusedCommand(loose(schema), { type: 'go', to: { lat: 1, lng: 'x' } }).message).toMatch(
      /: to\.lng: .*expected number/,
    )
  })

  it('R10.8 is bounded in the number of issues and in their length', () => {
    const many = z.object({ type: z.literal('go'), list: z.array(z.number()) })
    const error = refusedCommand(loose(many), { type: 'go', list: Array.from({ length: 500 }, () => 'x') })
    expect(error.message).toMatch(/list\.9: .*; and 490 more$/)
    expect(error.issues).toHaveLength(500)
    const long = refusedCommand(door, { type: 'open', who: 'bob', ['x'.repeat(1_000_000)]: 1 })
    expect(long.message.length).toBeLessThan(400)
    expect(refusedCommand(door, { type: 'y'.repeat(1_000_000) }).message.length).toBeLessThan(400)
  })

  it('R10.8 does not contradict itself about a route', () => {
    const { message } = refusedCommand(door, { type: 'xstate.route', to: '#a' })
    expect(message).toMatch(/instead of `route`, let a command of the definition target the state$/)
    expect(message).not.toMatch(/expected one of/)
  })

  it('R10.8 describes a fault of an input in the same way', () => {
    expect(refusal(() => parseInput(door, { owner: 'ann' })).message).toMatch(
      /^The input of "door" is not valid: closeMs: /,
    )
  })
})

describe('the fields of the stamp', () => {
  it.each([
    [{ at: 1 }, ['at']],
    [{ uid: 'x' }, ['uid']],
    [{ at: null, uid: 'x' }, ['at', 'uid']],
    [{ at: 0 }, ['at']],
  ])('R10.8 are refused in a command and in an input: %j', (fields, paths) => {
    const command = refusedCommand(loose(), { type: 'go', ...fields })
    expect(command.issues.map(({ path }) => path)).toEqual(paths)
    expect(command.message).toMatch(/(at|uid): is filled in by the engine: give the field another name/)
    expect(refusal(() => parseInput(loose(), fields)).issues.map(({ path }) => path)).toEqual(paths)
  })

  it('R10.8 are refused when the schema itself adds them', () => {
    const schema = z.object({ type: z.literal('go') }).transform(command => ({ ...command, at: 5 }))
    expect(refusedCommand(loose(schema), { type: 'go' }).message).toMatch(/at: is filled in/)
  })

  it('R10.8 are accepted deeper inside, and if the schema leaves them out', () => {
    const event = { type: 'go', place: { at: 5, uid: 'x' }, at: undefined }
    expect(parseCommand(loose(), event)).toEqual(event)
    const dropping = loose(z.object({ type: z.literal('go') }))
    expect(parseCommand(dropping, { type: 'go', at: 5 })).toEqual({ type: 'go' })
  })
})

describe('text that cannot be stored', () => {
  const deep = (levels: number): unknown => (levels === 0 ? 'x' : { in: deep(levels - 1) })
  const itself: Record<string, unknown> = {}
  itself.me = itself

  it.each([
    ['NUL', { note: 'a\0b' }, 'note'],
    ['NUL in an array', { notes: ['a', { text: '\0' }] }, 'notes[1].text'],
    ['NUL in the name of a member', { notes: { 'a\0': 1 } }, 'notes'],
    ['half a surrogate pair', { note: 'x\uD83D' }, 'note'],
    ['the other half', { notes: ['\uDE00x'] }, 'notes[0]'],
    ['what contains itself', { me: itself }, /^me\.me\.me/],
    ['300 levels', { in: deep(300) }, /^in\.in\.in/],
  ])('R10.8 is refused in a command and in an input: %s', (_what, fields, path) => {
    const [issue] = refusedCommand(loose(), { type: 'go', ...fields }).issues
    if (typeof path === 'string') expect(issue?.path).toBe(path)
    else expect(issue?.path).toMatch(path)
    expect(refusal(() => parseInput(loose(), fields)).issues).toEqual([issue])
  })

  it('R10.8 is the only such text: other control characters, emoji and 100 levels are accepted', () => {
    const event = { type: 'go', note: '\u0001\n\t😀', in: deep(100) }
    expect(parseCommand(loose(), event)).toEqual(event)
  })
})

describe('a schema that is itself faulty', () => {
  it.each([
    [
      'drops the type',
      z.custom<object>().transform(() => ({ who: 'bob' })),
      /schema turned "type" into undefined/,
    ],
    ['makes another type', z.any().transform(() => ({ type: 'stop' })), /schema turned "type" into "stop"/],
    ['gives no object', z.any().transform(() => 5), /schema turned the command into 5/],
    [
      'throws',
      z.any().refine(() => {
        throw new Error('no luck')
      }),
      /a schema threw: Error: no luck\. The command "go"/,
    ],
    ['waits', z.any().refine(async () => true), /a schema threw: .*Promise/],
  ])('R10.8 is named as a fault of the definition: one that %s', (_what, schema, message) => {
    expect(() => parseCommand(loose(schema), { type: 'go' })).toThrow(DefinitionError)
    expect(() => parseCommand(loose(schema), { type: 'go' })).toThrow(message)
  })
})
