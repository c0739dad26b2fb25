import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot, sourceFiles } from '../../support/house/import-rules.js'
import { allRows, findGaps, readRows, rowsInTitles } from '../../support/house/requirements.js'

const document = readFileSync(join(repositoryRoot, 'docs/REQUIREMENTS.md'), 'utf8')
// This file has titles that are examples.
const tests = [...sourceFiles('test'), ...sourceFiles('infra/test')].filter(
  ({ path }) => path.endsWith('.test.ts') && path !== 'test/unit/tidy/requirements.test.ts',
)

describe('docs/REQUIREMENTS.md', () => {
  it('lists every row, and each that is built is shown by tests whose titles begin with it', () => {
    expect(findGaps(document, tests)).toEqual([])
  })

  /** As if all rows were as they are, but one. */
  const withRow = (id: string, line: string) =>
    document
      .split('\n')
      .flatMap(other => (other.startsWith(`| ${id} |`) ? [line].filter(Boolean) : [other]))
      .join('\n')

  it.each([
    ['a row that is missing', withRow('R1.1', ''), 'R1.1 is missing'],
    ['a row that nobody knows', `${document}\n| R1.9 | x | later | |`, 'R1.9 is no row'],
    ['a row listed twice', `${document}\n| R7.1 | x | later | |`, 'R7.1 is listed twice'],
    [
      'a built row that names no test',
      withRow('R1.1', '| R1.1 | x | built | |'),
      'R1.1 is built and no test',
    ],
    ['a built row without any test', withRow('R7.1', '| R7.1 | x | built | |'), 'R7.1 is built and no test'],
    ['a row that is shown before its time', withRow('R1.1', '| R1.1 | x | later | |'), 'R1.1 is for later'],
    [
      'a file that does not show it',
      withRow('R1.1', '| R1.1 | x | built | unit/tokens |'),
      'R1.1 is not shown by unit/tokens',
    ],
    [
      'a file that is not there',
      withRow('R1.1', '| R1.1 | x | built | unit/nowhere |'),
      'R1.1 is not shown by unit/nowhere',
    ],
    ['a state of its own', withRow('R7.1', '| R7.1 | x | soon | |'), 'R7.1 is in no known state'],
  ])('would not do with %s', (_what, changed, message) => {
    expect(findGaps(changed, tests)).toContainEqual(expect.stringContaining(message))
  })

  it('would not do with a title that names no row', () => {
    const stray = { path: 'test/unit/stray.test.ts', text: "it('R0.7 is a film', () => {})" }
    expect(findGaps(document, [...tests, stray])).toEqual([
      'a title in unit/stray names R0.7, which is no row',
    ])
  })

  it('reads one row or several off a title, in any quotes, of what is run', () => {
    expect(rowsInTitles('it("R2.1 P1.1 one wins")\ntest.each([1])(`P2.2 x`)')).toEqual([
      'R2.1',
      'P1.1',
      'P2.2',
    ])
    expect(
      rowsInTitles("test(\n  'R10.7 why')\nit('see R1.1')\nit.skip('R1.2 x')\nit.todo(\n'R1.3 y')"),
    ).toEqual(['R10.7'])
  })

  it('has the rows of the requirements', () => {
    expect(allRows).toHaveLength(75)
    expect(readRows(document)).toHaveLength(75)
  })
})
