import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'

const FOLDER = 'docs/adr'
const INDEX = `${FOLDER}/README.md`
const RULES = `read "Write an ADR" in ${INDEX}`
const HEADINGS = ['Context', 'Decision', 'Consequences']
interface Adr {
  readonly name: string
  readonly text: string
}

const read = (name: string): Adr => ({
  name,
  text: readFileSync(join(repositoryRoot, FOLDER, name), 'utf8').replaceAll('\r\n', '\n'),
})

const adrs = readdirSync(join(repositoryRoot, FOLDER))
  .filter(name => name.endsWith('.md') && name !== 'README.md')
  .map(read)
const index = read('README.md').text

/** Links of the index that do not match the files. */
function findIndexFaults(indexText: string, names: readonly string[]): string[] {
  const linked = [...indexText.matchAll(/\]\((\d{4}-[^)#]+\.md)/g)].map(([, name = '']) => name)
  const unknown = linked.filter(name => !names.includes(name))
  return [
    ...names.flatMap(name => {
      const count = linked.filter(other => other === name).length
      if (count === 1) return []
      if (count === 0) return [`${FOLDER}/${name} is not in the index: add it to ${INDEX}`]
      return [`${FOLDER}/${name} is in the index ${count} times: keep one line in ${INDEX}`]
    }),
    ...unknown.map(name => `${INDEX} links to ${name}, which does not exist: remove the line`),
  ]
}

function findHeadingFaults({ name, text }: Adr): string[] {
  const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading.trim())
  if (headings.join() === HEADINGS.join()) return []
  const found = headings.length === 0 ? 'none' : headings.join(', ')
  return [`${FOLDER}/${name} needs the headings ${HEADINGS.join(', ')} and has ${found}: ${RULES}`]
}

describe('docs/adr', () => {
  it('has an index that names every ADR exactly once', () => {
    expect(adrs.length).toBeGreaterThan(50)
    const names = adrs.map(({ name }) => name)
    expect(findIndexFaults(index, names)).toEqual([])
  })

  it('has ADRs with a context, a decision and consequences', () => {
    expect(adrs.flatMap(findHeadingFaults)).toEqual([])
  })
})

describe('the check of the index', () => {
  const line = '- [1](0001-one.md): one.'

  it.each([
    ['an ADR that is missing', '', 'is not in the index: add it to docs/adr/README.md'],
    ['an ADR named twice', `${line}\n${line}`, 'is in the index 2 times'],
    ['a link to no ADR', `${line}\n- [2](0002-two.md): two.`, '0002-two.md, which does not exist'],
  ])('reports %s', (_what, text, message) => {
    expect(findIndexFaults(text, ['0001-one.md'])).toEqual([expect.stringContaining(message)])
  })

  it('accepts one line for each ADR', () => {
    expect(findIndexFaults(line, ['0001-one.md'])).toEqual([])
  })
})

describe('the check of headings', () => {
  it.each([
    ['none', '**Context.** Text.'],
    ['one that is missing', '## Context\n\n## Consequences'],
    ['a wrong order', '## Decision\n\n## Context\n\n## Consequences'],
    ['one too many', '## Context\n\n## Decision\n\n## Notes\n\n## Consequences'],
  ])('reports %s', (_what, text) => {
    expect(findHeadingFaults({ name: '0001-one.md', text })).toEqual([
      expect.stringMatching(/0001-one\.md needs the headings .* read "Write an ADR"/),
    ])
  })
})
