import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { openApiDocument } from '../../../src/adapters/http/openapi/document.js'
import { publicRoutes, routes } from '../../../src/adapters/http/routes.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { findUnshown, readThreats } from '../../support/house/threat-model.js'

const document = readFileSync(join(repositoryRoot, 'docs/threat-model.md'), 'utf8')
const threats = readThreats(document)

function readTest(file: string): string | undefined {
  const path = join(repositoryRoot, 'test', `${file}.test.ts`)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

describe('R9.5 docs/threat-model.md', () => {
  it('names tests that exist, for every row', () => {
    expect(findUnshown(threats, readTest)).toEqual([])
  })

  it('has all ten of OWASP’s', () => {
    const risks = threats.map(({ name }) => /^API(\d+)/.exec(name)?.[1]).filter(Boolean)
    expect(risks).toEqual(Array.from({ length: 10 }, (_, i) => String(i + 1)))
    expect(threats.length).toBeGreaterThan(15)
  })

  it.each([
    ['a row without a test', '| a thief | all | hope | |', 'a thief names no test'],
    [
      'a file that is not there',
      '| a thief | all | hope | `unit/nowhere`: x |',
      'unit/nowhere, which is not there',
    ],
    [
      'a title that is not there',
      '| a thief | all | hope | `unit/tokens/tokens`: no such title |',
      '"no such title"',
    ],
  ])('would notice %s', (_what, line, message) => {
    expect(findUnshown(readThreats(line), readTest)).toEqual([expect.stringContaining(message)])
  })

  it('lists every route that needs no token', () => {
    const section = document.split('## Open routes')[1]?.split('\n## ')[0] ?? ''
    const listed = [...section.matchAll(/`(GET|POST|PUT|DELETE) ([^`]+)`/g)].map(
      ([, method, path]) => `${method} ${path}`,
    )
    const open = publicRoutes.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    expect(listed.toSorted()).toEqual(open.toSorted())
  })

  it('no request names an address that the server would call', () => {
    const { paths, components } = openApiDocument('0', routes, publicRoutes) as unknown as {
      paths: object
      components: object
    }
    expect(JSON.stringify({ paths, components })).not.toMatch(/"format":"(uri|url|uri-reference|iri)"/)
  })
})
