import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { findUnshown, readThreats } from '../../support/house/threat-model.js'

const PAGE = 'docs/architecture/invariants.md'
const invariants = readThreats(readFileSync(join(repositoryRoot, PAGE), 'utf8')).filter(
  ({ name }) => name !== 'number',
)

function readTest(file: string): string | undefined {
  const path = join(repositoryRoot, 'test', `${file}.test.ts`)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

describe(PAGE, () => {
  it('names tests that exist, for every invariant', () => {
    expect(findUnshown(invariants, readTest)).toEqual([])
  })

  it('counts up from 1', () => {
    expect(invariants.map(({ name }) => name)).toEqual(invariants.map((_, i) => String(i + 1)))
    expect(invariants.length).toBeGreaterThan(10)
  })
})
