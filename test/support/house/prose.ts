/* The language of STYLE: which sentences of a document or a comment a reader has to read twice. */
import { withoutBlocks } from './markdown.js'

/** Longer sentences hold more than one idea. */
const MAX_WORDS = 40

interface Relapse {
  /** Tried on each sentence, without its code. */
  readonly pattern: RegExp
  readonly advice: string
}

/** A clause without a subject, "who asks waits", needs one: "a client that asks waits". */
const NAME_THE_SUBJECT = 'name the subject, such as "a client that …"'

/** Relative clauses ("the driver who accepted") and indirect questions ("it says who accepted") are left alone. */
const RELAPSES: readonly Relapse[] = [
  // "Who asks first wins." A question ends in "?".
  { pattern: /^(Who|Whoever|What|Whatever)\s[^?]*$/, advice: NAME_THE_SUBJECT },
  // "It is free: who asks first wins."
  { pattern: /[;:] (who|whoever|whatever)\s[^?]*$/, advice: NAME_THE_SUBJECT },
  // "An answer for who asked", "refused when who asks is gone". "To whom" and "of who" have other uses.
  {
    pattern: /\b(because|except|for|if|once|than|unless|until|when|where|while|with) who\b/i,
    advice: NAME_THE_SUBJECT,
  },
  { pattern: /\b(whoever|somebody)\b/i, advice: 'name the caller, client, process or user' },
  { pattern: /\bmend(s|ed|ing)?\b/i, advice: 'say "fix"' },
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
  return sentencesOf(markdown).flatMap(sentence => {
    const words = countWords(sentence)
    const tooLong =
      words > MAX_WORDS
        ? [`${path}: "${sentence}" has ${words} words, ${MAX_WORDS} are allowed: split it, ${rules}`]
        : []
    return [...tooLong, ...findRelapses(path, sentence, rules)]
  })
}

/** As `findSentenceFaults`, of any length: comments have signs of their own that are no words. */
export function findCommentFaults(path: string, source: string, rules: string): string[] {
  return commentsOf(source)
    .flatMap(sentencesOf)
    .flatMap(sentence => findRelapses(path, sentence, rules))
}

function findRelapses(path: string, sentence: string, rules: string): string[] {
  // "Whoever asks" is one relapse, however many patterns find it.
  const relapse = RELAPSES.find(({ pattern }) => pattern.test(sentence))
  return relapse === undefined ? [] : [`${path}: "${sentence}": ${relapse.advice}, ${rules}`]
}

const countWords = (sentence: string) => sentence.split(' ').filter(word => /[\p{L}\d]/u.test(word)).length
