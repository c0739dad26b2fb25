/* The language of STYLE: which sentences of a document or a comment a reader has to read twice. */
import { withoutBlocks } from './markdown.js'

/** Longer sentences hold more than one idea. */
const MAX_WORDS = 40

interface Relapse {
  /** Tried on each sentence, without its code and without quoted words. */
  readonly pattern: RegExp
  readonly advice: string
}

/** A clause without a subject, "who asks waits", needs one: "a client that asks waits". */
const NAME_THE_SUBJECT = 'name the subject, such as "a client that …"'

/** Relative clauses ("the driver who accepted") and indirect questions ("it says who accepted") are left alone. */
const RELAPSES: readonly Relapse[] = [
  // "Who asks first wins." But in a comment, "Who may read it." is the usual label of a field, and "Who may read it is
  // decided elsewhere." an indirect question.
  {
    pattern: /^(Whoever|Who (?!is|are|was|were|may|can|must))[^?]*$/,
    advice: NAME_THE_SUBJECT,
  },
  // "One wins; who loses decides again."
  { pattern: /; who\s[^?]*$/, advice: NAME_THE_SUBJECT },
  // "Refused when who asks is gone." After "of" and "to", a question may follow: "regardless of who calls".
  {
    pattern: /\b(because|except|for|if|once|than|unless|until|when|where|while|with) who\b/i,
    advice: NAME_THE_SUBJECT,
  },
  { pattern: /\b(whoever|somebody)\b/i, advice: 'name the caller, client, process or user' },
  { pattern: /\bmend(s|ed|ing)?\b/i, advice: 'say "fix"' },
]
/** In a document, a sentence never begins so: it has no fields to label. */
const RELAPSES_OF_DOCUMENTS: readonly Relapse[] = [
  { pattern: /^(Who|What)\s[^?]*$/, advice: NAME_THE_SUBJECT },
  ...RELAPSES,
]

/**
 * The sentences of a Markdown text, without headings and blocks of code. Inline code and link targets are left out, since
 * their dots and words are not prose. A list item and a table cell each end a sentence.
 */
export function sentencesOf(markdown: string): string[] {
  const prose = withoutBlocks(markdown)
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

/** The comments of a TypeScript file that have lines of their own, as text. Directives for tools are left out. */
export function commentsOf(source: string): string[] {
  const pattern = /^[ \t]*(?:\/\*[\s\S]*?\*\/|\/\/.*(?:\n[ \t]*\/\/.*)*)/gm
  return [...source.matchAll(pattern)]
    .map(([comment]) => comment.replace(/^[ \t]*(\/\*\*?|\*\/|\*|\/\/)/gm, '').replace(/\*\/\s*$/, ''))
    .filter(comment => !/^\s*(biome-ignore|@ts-)/.test(comment))
}

/** One line for each fault of each sentence. `rules` says what to read. */
export function findSentenceFaults(path: string, markdown: string, rules: string): string[] {
  return sentencesOf(markdown)
    .filter(sentence => !isCitation(sentence))
    .flatMap(sentence => {
      const words = countWords(sentence)
      const tooLong =
        words > MAX_WORDS
          ? [`${path}: "${sentence}" has ${words} words, ${MAX_WORDS} are allowed: split it, ${rules}`]
          : []
      return [...tooLong, ...findRelapses(RELAPSES_OF_DOCUMENTS, path, sentence, rules)]
    })
}

/** As `findSentenceFaults`, but sentences may have any length: a formula or a sample in a comment is no prose. */
export function findCommentFaults(path: string, source: string, rules: string): string[] {
  return commentsOf(source)
    .flatMap(sentencesOf)
    .flatMap(sentence => findRelapses(RELAPSES, path, sentence, rules))
}

/** A sentence has one line, however many patterns find it. Quoted words are not the author's. */
function findRelapses(relapses: readonly Relapse[], path: string, sentence: string, rules: string): string[] {
  const own = sentence.replace(/"[^"]*"/g, '"…"')
  const relapse = relapses.find(({ pattern }) => pattern.test(own))
  return relapse === undefined ? [] : [`${path}: "${sentence}": ${relapse.advice}, ${rules}`]
}

/** Titles of tests after the file that has them, as a table of evidence lists them. */
const isCitation = (sentence: string) => sentence.startsWith('`code`: ')

const countWords = (sentence: string) => sentence.split(' ').filter(word => /[\p{L}\d]/u.test(word)).length
