import { describe, expect, it } from '@jest/globals'
import {
  freezeParsed,
  storedValue,
  UnstorableValueError,
} from '../../../../src/runtime/definitions/stored-value.js'

class Money {
  amount = 1
}
const cyclic: { inner?: unknown } = {}
cyclic.inner = cyclic
const withSymbol = { [Symbol('hidden')]: 1 }
const named = Object.assign(['a'], { index: 0 })

describe('R10.8 a value that JSON cannot hold is refused with its path and a hint', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'a Date',
      { bids: [{}, {}, { at: new Date() }] },
      /^context\.bids\[2\]\.at is a Date: store a number or/,
    ],
    ['a Map', { map: new Map() }, /^context\.map is a Map: store an object or an array of pairs$/],
    ['a Set', { set: new Set() }, /^context\.set is a Set: store an array$/],
    ['a class instance', { price: new Money() }, /^context\.price is a Money: store a plain object$/],
    ['a RegExp', { pattern: /x/ }, /^context\.pattern is a RegExp/],
    ['an Error', { error: new Error('x') }, /^context\.error is an Error: store its message$/],
    ['a URL', { url: new URL('http://x') }, /^context\.url is a URL/],
    [
      'a typed array',
      { bytes: new Uint8Array(2) },
      /^context\.bytes is a Uint8Array: store an array of numb/,
    ],
    ['a boxed number', { n: Object(1) }, /^context\.n is a Number/],
    ['a promise', { p: Promise.resolve() }, /^context\.p is a Promise/],
    ['a function', { call: () => 1 }, /^context\.call is a function/],
    ['an object with toJSON', { x: { toJSON: () => 1 } }, /^context\.x\.toJSON is a function/],
    ['a symbol', { s: Symbol('s') }, /^context\.s is a symbol/],
    ['a key that is a symbol', { x: withSymbol }, /^context\.x has a symbol as a key/],
    ['a BigInt', { n: 1n }, /^context\.n is a BigInt/],
    ['NaN', { price: Number.NaN }, /^context\.price is NaN/],
    ['Infinity', { price: [Number.POSITIVE_INFINITY] }, /^context\.price\[0\] is Infinity/],
    // biome-ignore lint/suspicious/noSparseArray: it is what is tested
    ['a sparse array', { list: [1, , 3] }, /^context\.list has no element at 1/],
    ['an array with a property', { match: named }, /^context\.match is an array with a property "index"/],
    ['a subclass of Array', { list: new (class Pile extends Array {})() }, /^context\.list is a Pile/],
    ['a NUL', { 'a key': 'nul \u0000' }, /^context\["a key"\] has a character that cannot be stored/],
    ['half a pair', { text: 'half \ud800' }, /^context\.text has a character/],
    ['a key with a NUL', { 'nul \u0000': 1 }, /^context has the key "nul \\u0000"/],
    ['the key __proto__', JSON.parse('{"x":{"__proto__":1}}'), /^context\.x has the key "__proto__"/],
    ['a cycle', cyclic, /^context(\.inner){12}… is nested deeper than 200 levels, or contains itself$/],
    ['an imitated actor', { ref: { xstate$$type: 1 } }, /^context\.ref has xstate\$\$type: 1/],
    ['an actor', { ref: { sessionId: 'x:0', send() {} } }, /^context\.ref is a reference to an actor/],
    ['a class instance as the whole', new Money(), /^context is a Money/],
  ])('%s', (_what, value, message) => {
    expect(() => storedValue(value, 'context')).toThrow(UnstorableValueError)
    expect(() => storedValue(value, 'context')).toThrow(message)
  })
})

describe('a value that JSON changes without harm', () => {
  it.each<[string, unknown]>([
    ['an undefined member', { a: undefined, b: { c: undefined, d: 1 } }],
    ['an undefined element', { list: [1, undefined] }],
    ['-0', { zero: -0, list: [-0] }],
    ['an object without a prototype', { dict: Object.assign(Object.create(null), { a: 1 }) }],
    [
      'a getter',
      {
        inner: {
          get a() {
            return 1
          },
        },
      },
    ],
    ['order of keys', { zoe: 5, amy: 5, 10: 'x', 2: 'y' }],
  ])('is read at once as after a restart: %s', (_what, value) => {
    const stored = storedValue(value, 'context')
    const read = JSON.parse(JSON.stringify(value))
    expect(stored).toStrictEqual(read)
    expect(JSON.stringify(stored)).toBe(JSON.stringify(read))
  })

  it('is the same object twice, which becomes two', () => {
    const item = { id: 1 }
    const stored = storedValue({ items: [item], selected: item }, 'context')
    expect(stored.items).not.toContain(stored.selected)
  })
})

describe('an unchanged value', () => {
  it('is kept, and not inspected again', () => {
    const before = storedValue({ list: [{ a: 1 }, { a: 2 }], other: { b: 1 } }, 'context')
    const after = storedValue({ ...before, list: [before.list[0], { a: 3 }] }, 'context', before)
    expect(after.other).toBe(before.other)
    expect(after.list[0]).toBe(before.list[0])
    expect(after.list[1]).toEqual({ a: 3 })
  })

  it('cannot be changed in place', () => {
    const made = storedValue({ list: [{ a: 1 }] }, 'context')
    const read = freezeParsed(JSON.parse('{"list":[{"a":1}]}'))
    for (const { list } of [made, read]) {
      expect(() => list.push({ a: 2 })).toThrow(TypeError)
      expect(() => Object.assign(list[0], { a: 2 })).toThrow(TypeError)
    }
  })
})
