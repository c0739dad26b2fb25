/* Text that the database can store: well-formed Unicode without NUL. Half a surrogate pair would come back as another character. */
import { isText } from '../stored-value.js'

/**
 * Characters of a name that is a key of rows. An index entry of Postgres holds 2,704 bytes, and UTF-8 takes at most three
 * bytes for each of JavaScript's characters.
 */
export const MAX_KEY_LENGTH = 500

/** What is wrong with a word that is stored as a key, or a part of one; `undefined`: nothing. */
export function complaintAboutKey(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'expected a string'
  if (value.length > MAX_KEY_LENGTH)
    return `expected ${MAX_KEY_LENGTH} characters at most, got ${value.length}`
  return isText(value) ? undefined : UNSTORABLE_TEXT
}

export const UNSTORABLE_TEXT = 'expected well-formed Unicode without NUL'
