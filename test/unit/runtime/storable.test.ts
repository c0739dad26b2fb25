import { expect, it } from '@jest/globals'
import { storable, UnstorableError } from '../../../src/runtime/storable.js'

it.each([
  ['plain text', 'load 12 t'],
  ['characters beyond ASCII, and whole surrogate pairs', 'Łódź 🚚'],
  ['other control characters', 'a\u0001b\n'],
  ['the text of an escape', '\\u0000'],
  ['the text of an escape behind two backslashes', '\\\\ud800'],
])('accepts %s', (_what, text) => {
  const json = JSON.stringify({ text })
  expect(storable(json)).toBe(json)
})

it.each([
  ['NUL', 'a\u0000'],
  ['NUL behind a backslash', '\\\u0000'],
  ['the first half of a surrogate pair', '\ud83d'],
  ['the second half of a surrogate pair', 'a\udc00'],
])('refuses %s, as a value and as a key', (_what, text) => {
  for (const value of [{ text }, { [text]: 1 }]) {
    expect(() => storable(JSON.stringify(value))).toThrow(UnstorableError)
  }
})
