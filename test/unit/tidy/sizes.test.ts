import { describe, expect, it } from '@jest/globals'
import { sourceFiles } from '../../support/house/import-rules.js'
import { findLongFiles, findLongFunctions } from '../../support/house/sizes.js'

const folders = [
  'src',
  'test',
  'bench',
  'scripts',
  'demo',
  'examples',
  'infra/bin',
  'infra/lib',
  'infra/test',
]
const files = folders.flatMap(sourceFiles)

/** A file is longer for a reason that is said here. */
const LONG_FILES = {
  'src/machines/broadcast/machine.ts':
    'It is pasted into a visualizer whole, and imports nothing but XState.',
}

const functionOf = (lines: number) => `function long() {\n${'  work()\n'.repeat(lines - 2)}}\n`
const found = (text: string, path = 'src/x.ts') => findLongFunctions([{ path, text }])

describe('sizes', () => {
  it('has no file of over 300 lines without a reason', () => {
    expect(findLongFiles(files, LONG_FILES)).toEqual([])
  })

  it('has a reason for long files only', () => {
    const long = findLongFiles(files, {}).map(line => line.split(' ')[0])
    expect(Object.keys(LONG_FILES).filter(path => !long.includes(path))).toEqual([])
  })

  it('has no function of over 70 lines whose comment gives no reason', () => {
    expect(findLongFunctions(files)).toEqual([])
  })

  it.each([
    ['a function', functionOf(71)],
    ['an arrow function', `const long = () => {\n${'  work()\n'.repeat(69)}}\n`],
    ['a method', `class A {\n  long() {\n${'  work()\n'.repeat(69)}  }\n}\n`],
    ['a private method', `class A {\n  #long() {\n${'  work()\n'.repeat(69)}  }\n}\n`],
    ['a constructor', `class A {\n  constructor() {\n${'  work()\n'.repeat(69)}  }\n}\n`],
    ['a method of an object', `const a = {\n  long() {\n${'  work()\n'.repeat(69)}  }\n}\n`],
    ['a getter', `const a = {\n  get long() {\n${'  work()\n'.repeat(69)}  }\n}\n`],
  ])('would notice %s of 71 lines', (_what, text) => {
    expect(found(text)).toEqual([expect.stringMatching(/^src\/x\.ts:[12] has a function of 71 lines$/)])
  })

  it.each([
    ['70 lines', functionOf(70)],
    [
      'a reason in its comment',
      `/**\n * Works. Over 70 lines\n * because the steps share one loop.\n */\n${functionOf(71)}`,
    ],
    ['a reason in a line comment', `// Over 70 lines because the steps share one loop.\n${functionOf(71)}`],
  ])('lets a function be that has %s', (_what, text) => {
    expect(found(text)).toEqual([])
  })

  it('counts lines after characters of several bytes', () => {
    expect(found(`/* ${'é…'.repeat(50)} */\n\n${functionOf(71)}`)).toEqual([
      'src/x.ts:3 has a function of 71 lines',
    ])
  })

  it('does not count functions that hold tests as functions, but helpers of tests', () => {
    const tests = `describe.each([1])('x', () => {\n  it('y', () => {})\n${'  work()\n'.repeat(80)}})\n`
    expect(found(tests, 'test/unit/x.test.ts')).toEqual([])
    expect(found(functionOf(71), 'test/support/x.ts')).toHaveLength(1)
  })
})
