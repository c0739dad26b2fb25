/* Text that the database can store: well-formed Unicode without NUL. Half a surrogate pair would come back as another character. */
import { at } from './fault.js'

/**
 * Characters of a name that is a key of rows. An index entry of Postgres holds 2,704 bytes, and UTF-8 takes at most three
 * bytes for each of JavaScript's characters.
 */
export const MAX_KEY_LENGTH = 500

/** Levels of a value from outside. Real ones have some ten; one that contains itself ends here. */
const MAX_DEPTH = 200

export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** What is wrong with a word that is stored as a key, or a part of one; `undefined`: nothing. */
export function complaintAboutKey(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'expected a string'
  if (value.length > MAX_KEY_LENGTH)
    return `expected ${MAX_KEY_LENGTH} characters at most, got ${value.length}`
  return isStorable(value) ? undefined : UNSTORABLE_TEXT
}

export const UNSTORABLE_TEXT = 'expected well-formed Unicode without NUL'

export interface Unstorable {
  readonly path: string
  readonly message: string
}

/** The first text in `value`, keys included, that cannot be stored: where it is, and what is wrong. */
export function findUnstorable(value: unknown): Unstorable | undefined {
  const found = search(value, 0)
  return found && { path: found.keys.reduceRight<string>(at, ''), message: found.message }
}

/** `keys`: from the innermost outwards. Paths are built only where something is wrong. */
function search(
  value: unknown,
  depth: number,
): { readonly keys: readonly (string | number)[]; message: string } | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : { keys: [], message: UNSTORABLE_TEXT }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth >= MAX_DEPTH) {
    return { keys: [], message: `expected ${MAX_DEPTH} levels at most; it may contain itself` }
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = search(value[i], depth + 1)
      if (found !== undefined) return { ...found, keys: [...found.keys, i] }
    }
    return undefined
  }
  for (const key in value) {
    const inner = (value as Readonly<Record<string, unknown>>)[key]
    const found = isStorable(key) ? search(inner, depth + 1) : { keys: [], message: UNSTORABLE_TEXT }
    if (found !== undefined) return { ...found, keys: [...found.keys, key] }
  }
  return undefined
}
