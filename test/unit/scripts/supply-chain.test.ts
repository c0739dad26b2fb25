import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { judgeAudit } from '../../../scripts/supply-chain/audit.js'
import { findForbidden, isAllowed, type Locked } from '../../../scripts/supply-chain/licences.js'
import { repositoryRoot } from '../../support/house/import-rules.js'

const nothing = (): Locked => ({})

describe('R9.5 licences', () => {
  test('of all installed packages are allowed', () => {
    const readJson = (path: string) => JSON.parse(readFileSync(join(repositoryRoot, path), 'utf8'))
    const { packages } = readJson('package-lock.json')
    expect(findForbidden(packages, path => readJson(`${path}/package.json`))).toEqual([])
  })

  test.each([
    ['a copyleft one', { license: 'GPL-3.0' }],
    ['none', {}],
    ['a name of somebody’s own', { license: 'SEE LICENSE IN FILE' }],
    ['one for development in what is shipped', { license: 'CC-BY-4.0' }],
  ])('are checked: %s is noticed', (_what, locked) => {
    expect(findForbidden({ '': {}, 'node_modules/x': locked }, nothing)).toEqual([
      expect.stringMatching(/^x: /),
    ])
  })

  test('are read from a package with the old fields', () => {
    expect(findForbidden({ 'node_modules/x': {} }, () => ({ licenses: [{ type: 'MIT' }] }))).toEqual([])
  })

  test('are met by one of two, or need both', () => {
    expect(isAllowed('(GPL-2.0 OR MIT)', ['MIT'])).toBe(true)
    expect(isAllowed('GPL-2.0 AND MIT', ['MIT'])).toBe(false)
  })
})

describe('R9.5 npm audit', () => {
  const reportOf = (severity: string) =>
    JSON.stringify({ vulnerabilities: { x: { name: 'x', severity, range: '<2' } } })

  test('fails for a serious vulnerability, and names it', () => {
    expect(judgeAudit(reportOf('high'))).toEqual({
      isGood: false,
      says: expect.stringContaining('x <2: high'),
    })
    expect(judgeAudit(reportOf('critical')).isGood).toBe(false)
  })

  test('counts a minor one', () => {
    expect(judgeAudit(reportOf('low'))).toEqual({ isGood: true, says: expect.stringContaining('1 known') })
  })

  test.each(['', 'not json', '{"error":{"code":"ENOAUDIT"}}'])(
    'passes without a report (%j), and says so',
    output => {
      expect(judgeAudit(output)).toEqual({
        isGood: true,
        says: expect.stringContaining('nothing was checked'),
      })
    },
  )
})
