import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot, sourceFiles } from '../../support/house/import-rules.js'
import { readPages } from '../../support/house/pages.js'
import { commentsOf, findCommentFaults, findSentenceFaults } from '../../support/house/prose.js'

const RULES = 'read "Plain English" in CONTRIBUTING.md'

describe('the language', () => {
  it('of the documents is short, plain sentences', () => {
    expect(readPages().flatMap(({ path, text }) => findSentenceFaults(path, text, RULES))).toEqual([])
  })

  it('of the comments names its subjects', () => {
    expect(sourceFiles('src').flatMap(({ path, text }) => findCommentFaults(path, text, RULES))).toEqual([])
  })

  it('is described where the messages say', () => {
    expect(readFileSync(join(repositoryRoot, 'CONTRIBUTING.md'), 'utf8')).toContain('Plain English')
  })
})

describe('the check of sentences', () => {
  const faultsIn = (text: string) => findSentenceFaults('a.md', text, RULES)
  const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ')

  it.each([
    ['a long sentence', `${words(41)}.`, 'has 41 words, 40 are allowed'],
    ['a long item of a list', `- Short.\n- ${words(20)}\n  ${words(21)}`, 'has 41 words'],
    ['a headless clause', 'It works. Who asks first wins.', '"Who asks first wins.": name the subject'],
    ['a headless clause after a semicolon', 'One wins; who loses decides again.', 'name the subject'],
    ['a headless clause after a conjunction', 'It ends when who asked is gone.', 'name the subject'],
    ['a headless comparison', 'It waits longer than who came first.', 'name the subject'],
    ['a headless object', 'This is an answer for who asked.', 'name the subject'],
    ['a headless thing', 'What is refused is not counted.', 'name the subject'],
    ['a headless clause in bold', '- **Who comes late** waits.', 'name the subject'],
    ['an unnamed caller', 'It answers whoever asks.', 'name the caller'],
    ['an unnamed user', 'Somebody has signed in.', 'name the caller'],
    ['a repair', 'The index was mended.', 'say "fix"'],
    ['text after a stray backtick', 'A ` here.\n\nWho asks waits.\n\nA ` there.', 'name the subject'],
    ['text after a block in a list', '1. ```sh\n   run\n   ```\n2. Who asks waits.', 'name the subject'],
  ])('reports %s', (_what, text, message) => {
    expect(faultsIn(text)).toEqual([expect.stringContaining(message)])
  })

  it.each([
    ['a relative clause', 'The driver who accepted is free.'],
    ['a relative clause after a comma', 'It asks the customer, who may cancel.'],
    ['two relative clauses', 'A user who left and who came back signs in.'],
    ['those who', 'It tells those who were offered the request.'],
    ['an indirect question', 'The log says who asked, and nobody knows what happened.'],
    ['an indirect question after a preposition', 'It is refused regardless of who calls.'],
    ['a list of indirect questions', 'It has three facts: who sent it, to which instance, and when.'],
    ['a condition', 'Whatever happens, nothing is lost.'],
    ['a question', 'Who may read it? What happens then?'],
    ['a question after a colon', 'One question remains: who may read it?'],
    ['the end of a word', 'Recommended settings are amended.'],
    ['quoted words', 'Say "fix", not "mend".'],
    ['short sentences', `${words(40)}. ${words(40)}.`],
    ['a list', `${words(30)}:\n- ${words(30)}\n- ${words(30)}`],
    ['cells of a table', `| ${words(30)} | ${words(30)} |\n|---|---|`],
    ['code', `\`mend(${words(50)})\` runs.\n\n\`\`\`ts\n${words(50)}\n\`\`\``],
    ['the target of a link', '[text](https://example.com/mend) ends.'],
    ['the title of a test', `| a | \`unit/x\`: who asks wins, \`unit/y\`: ${words(40)} |`],
  ])('accepts %s', (_what, text) => {
    expect(faultsIn(text)).toEqual([])
  })
})

describe('the check of comments', () => {
  const faultsIn = (source: string) => findCommentFaults('a.ts', source, RULES)

  it.each([
    ['of a file', '/*\n * It waits.\n * Who asks first wins.\n */'],
    ['of a function', '/** Who asks first wins. */\nfunction f() {}'],
    ['that is indented', 'const a = {\n  /** Who asks first wins. */\n  b: 1,\n}'],
    ['of two lines', 'f()\n// Who asks\n// first wins.\ng()'],
  ])('reports a comment %s', (_what, source) => {
    expect(faultsIn(source)).toEqual([expect.stringContaining('"Who asks first wins.": name the subject')])
  })

  it.each([
    ['a label', '/** What the connection is for. */'],
    ['a label of a person', '/** Who may read it. */'],
    ['an indirect question', '/** Who may read it is decided by dispatch. */'],
    ['a string', "const title = 'Who asks first wins.'"],
    ['a directive', '// biome-ignore lint/x: who asks wins'],
  ])('accepts %s', (_what, source) => {
    expect(faultsIn(source)).toEqual([])
  })

  it('finds every comment of a file that has its own line', () => {
    expect(commentsOf('/* a */\n  // b\n  // c\nx() // d\n/** e */').map(comment => comment.trim())).toEqual([
      'a',
      expect.stringMatching(/^b\s+c$/),
      'e',
    ])
  })
})
