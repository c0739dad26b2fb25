import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'

const FOLDER = 'docs/adr'
const INDEX = `${FOLDER}/README.md`
const RULES = `read "Write an ADR" in ${INDEX}`
const HEADINGS = ['Context', 'Decision', 'Consequences']
const MAX_WORDS = 40

interface Relapse {
  /** Tried on each sentence, without its code. */
  readonly pattern: RegExp
  readonly advice: string
}

const RELAPSES: readonly Relapse[] = [
  {
    pattern: /^(Who|Whoever|What|Whatever)\s[^?]*$/,
    advice: 'name the subject, such as "a client that …"',
  },
  { pattern: /\b(whoever|somebody)\b/, advice: 'name the caller, client, process or user' },
  { pattern: /\bmend(s|ed|ing)?\b/i, advice: 'say "fix"' },
]

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

/**
 * The sentences of a Markdown text, without headings and blocks of code. Inline code and link targets are left out, since
 * their dots and words are not prose. A list item and a table cell each end a sentence.
 */
function sentencesOf(markdown: string): string[] {
  const prose = markdown
    .replace(/^ *```[\s\S]*?^ *```/gm, '\n')
    .replace(/^#.*$/gm, '\n')
    .replace(/`([^`\n]|\n(?!\n))+`/g, '`code`')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/^ *(\||[-*] |\d+\. )/gm, '\n\n')
    .replaceAll('|', '\n\n')
    .replace(/\*/g, '')
  return prose
    .split(/\n\s*\n/)
    .flatMap(block =>
      block
        .replace(/\s+/g, ' ')
        .trim()
        .split(/(?<=[.!?][)"\]]*) /),
    )
    .filter(sentence => sentence !== '')
}

const countWords = (sentence: string) => sentence.split(' ').filter(word => /[\p{L}\d]/u.test(word)).length

function findSentenceFaults({ name, text }: Adr): string[] {
  return sentencesOf(text).flatMap(sentence => {
    const quoted = `${FOLDER}/${name}: "${sentence}"`
    const words = countWords(sentence)
    const tooLong =
      words > MAX_WORDS ? [`${quoted} has ${words} words, ${MAX_WORDS} are allowed: split it, ${RULES}`] : []
    const relapses = RELAPSES.filter(({ pattern }) => pattern.test(sentence))
    return [...tooLong, ...relapses.map(({ advice }) => `${quoted}: ${advice}, ${RULES}`)]
  })
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

  it('has ADRs in short, plain sentences', () => {
    expect(adrs.flatMap(findSentenceFaults)).toEqual([])
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

describe('the check of sentences', () => {
  const faultsIn = (text: string) => findSentenceFaults({ name: '0001-one.md', text })
  const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ')

  it.each([
    ['a long sentence', `${words(41)}.`, 'has 41 words, 40 are allowed'],
    ['a long item of a list', `- Short.\n- ${words(20)}\n  ${words(21)}`, 'has 41 words'],
    ['a headless clause', 'It works. Who asks first wins.', '"Who asks first wins.": name the subject'],
    ['a headless thing', 'What is refused is not counted.', 'name the subject'],
    ['a headless clause in bold', '- **Who comes late** waits.', 'name the subject'],
    ['an unnamed caller', 'It answers whoever asks.', 'name the caller'],
    ['a repair', 'The index was mended.', 'say "fix"'],
    ['text after a stray backtick', 'A ` here.\n\nWho asks waits.\n\nA ` there.', 'name the subject'],
  ])('reports %s', (_what, text, message) => {
    expect(faultsIn(text)).toEqual([expect.stringContaining(message)])
  })

  it.each([
    ['short sentences', `${words(40)}. ${words(40)}.`],
    ['a question', 'Who may read it?'],
    ['a list', `${words(30)}:\n- ${words(30)}\n- ${words(30)}`],
    ['cells of a table', `| ${words(30)} | ${words(30)} |\n|---|---|`],
    ['code', `\`mend(${words(50)})\` runs.\n\n\`\`\`ts\n${words(50)}\n\`\`\``],
    ['the target of a link', `[text](https://example.com/mend) ends.`],
  ])('accepts %s', (_what, text) => {
    expect(faultsIn(text)).toEqual([])
  })
})
