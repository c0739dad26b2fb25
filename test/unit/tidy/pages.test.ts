import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'
import {
  findBrokenLinks,
  findMissingContents,
  findMissingPaths,
  type Page,
} from '../../support/house/links.js'
import { readPages } from '../../support/house/pages.js'

/** A reader sees so many sections without a list. */
const MAX_SECTIONS_WITHOUT_LIST = 6
/** A record says why something is so; a reader does nothing with it. */
const isRecord = ({ path }: Page) => /^docs\/adr\/\d/.test(path)
/** Read by people who look at the repository for the first time. */
const isFront = ({ path }: Page) => path === 'README.md'

/** What the reader of a recipe makes. */
const MADE_BY_READERS = [
  'infra/config/production.json',
  'src/machines/broadcast/v1',
  'test/golden/broadcast-v2',
]

const pages = readPages()
const exists = (path: string) => existsSync(join(repositoryRoot, path))

describe('the pages', () => {
  it('link to files and headings that exist', () => {
    expect(pages.length).toBeGreaterThan(80)
    expect(findBrokenLinks(pages, exists)).toEqual([])
  })

  it('name files that exist', () => {
    expect(findMissingPaths(pages, path => exists(path) || MADE_BY_READERS.includes(path))).toEqual([])
  })

  it('begin with what their readers can do afterwards', () => {
    const silent = pages
      .filter(page => !isRecord(page) && !isFront(page))
      .filter(
        ({ text }) => !/After (reading )?this page,? you/.test(text.slice(0, 1_000).replace(/\s+/g, ' ')),
      )
      .map(({ path }) => `${path} does not begin with "After reading this page you can …"`)
    expect(silent).toEqual([])
  })

  it('list their contents if they are long', () => {
    expect(
      pages
        .filter(page => !isFront(page))
        .flatMap(page => findMissingContents(page, MAX_SECTIONS_WITHOUT_LIST)),
    ).toEqual([])
  })
})

describe('the check of links', () => {
  const other = {
    path: 'docs/b.md',
    text: '# B\n\n## Two *words*, `code`\n\n## Two *words*, `code`\n\n<a id="named"></a>',
  }
  const found = (text: string) =>
    findBrokenLinks(
      [{ path: 'docs/adr/a.md', text }, other],
      path => path === 'docs/b.md' || path === 'docs/adr/a.md',
    )

  it.each([
    ['no file', '[x](c.md)', 'links to c.md, which does not exist'],
    ['no heading of another page', '[x](../b.md#three)', 'docs/b.md has no such heading'],
    ['no heading of the page itself', '[x](#nowhere)', 'docs/adr/a.md has no such heading'],
    ['no picture', '![x](x.svg)', 'links to x.svg'],
  ])('reports a link to %s', (_what, text, message) => {
    expect(found(text)).toEqual([expect.stringContaining(message)])
  })

  it.each([
    ['a heading', '[x](../b.md#two-words-code)'],
    ['a heading that is there twice', '[x](../b.md#two-words-code-1)'],
    ['a named place', '[x](../b.md#named)'],
    ['the page itself', '## Here\n\n[x](#here)'],
    ['another site', '[x](https://example.com/a.md#b)'],
    ['nothing, in code', '`[x](c.md)`\n\n```\n[x](c.md)\n```'],
  ])('accepts a link to %s', (_what, text) => {
    expect(found(text)).toEqual([])
  })
})

describe('the check of paths', () => {
  const found = (text: string) => findMissingPaths([{ path: 'a.md', text }], path => path === 'src/main.ts')

  it('reports a file that is not there', () => {
    expect(found('`src/gone.ts`')).toEqual(['a.md names src/gone.ts, which does not exist'])
  })

  it.each([['`src/main.ts`'], ['`gone.ts`'], ['`src/<name>.ts`'], ['src/gone.ts in prose']])(
    'accepts %s',
    text => {
      expect(found(text)).toEqual([])
    },
  )
})

describe('the check of contents', () => {
  const text = '# A\n\n- [One](#one)\n\n## One\n\n## Two\n'

  it('reports a section that is not in the list of a long page', () => {
    expect(findMissingContents({ path: 'a.md', text }, 1)).toEqual([
      expect.stringContaining('no link to "Two"'),
    ])
  })

  it('asks nothing of a short page', () => {
    expect(findMissingContents({ path: 'a.md', text }, 2)).toEqual([])
  })
})
