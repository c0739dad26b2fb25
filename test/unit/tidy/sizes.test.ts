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

const TABLE = 'A table: a row for each case, and nothing else.'
const SUITE = 'Tests of one subject with one set-up. Each is read by itself.'

/** A file is longer for a reason that is said here. */
const LONG_FILES: Readonly<Record<string, string>> = {
  'src/machines/broadcast/machine.ts':
    'It is pasted into a visualizer whole, and imports nothing but XState.',
  'test/support/growth/hostile.ts': TABLE,
  'test/compat/rows/actions.ts': TABLE,
  'test/compat/rows/delays.ts': TABLE,
  'test/compat/rows/structure.ts': TABLE,
  'test/compat/rows/transitions.ts': TABLE,
  'test/compat/rows/values.ts': TABLE,
  'test/e2e/criteria-endings.test.ts': SUITE,
  'test/e2e/long/redis-storm.test.ts': SUITE,
  'test/integration/aws/rotate.test.ts': SUITE,
  'test/integration/contracts/store.ts': SUITE,
  'test/integration/dispatch/admin.test.ts': SUITE,
  'test/integration/dispatch/caps.test.ts': SUITE,
  'test/integration/dispatch/push.test.ts': SUITE,
  'test/integration/dispatch/visibility.test.ts': SUITE,
  'test/integration/http/bad-input.test.ts': SUITE,
  'test/integration/http/conformance.test.ts': SUITE,
  'test/integration/http/issuer-keys.test.ts': SUITE,
  'test/integration/http/sessions.test.ts': SUITE,
  'test/integration/postgres/embedded-postgres.test.ts': SUITE,
  'test/integration/runtime/dead-timers.test.ts': SUITE,
  'test/integration/runtime/engine-races.test.ts': SUITE,
  'test/integration/runtime/engine.test.ts': SUITE,
  'test/integration/socket/slow-clients.test.ts': SUITE,
  'test/integration/testing/targets.test.ts': SUITE,
  'test/property/dispatch/visibility.property.test.ts': SUITE,
  'test/property/machines/broadcast-walks.test.ts': SUITE,
  'test/unit/app/settings.test.ts': SUITE,
  'test/unit/dispatch/views.test.ts': SUITE,
  'test/unit/runtime/definitions/definition-faults.test.ts': SUITE,
  'test/unit/testing/check.test.ts': SUITE,
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
