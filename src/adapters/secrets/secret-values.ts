/*
 * What the JSON secret holds, under the same names as the settings that it feeds. It is the one place that says
 * which values are secret: they are kept out of logs, of messages and of the environment of children.
 */
import { z } from 'zod'

/** Each must be there: one that is deliberately not used is an empty text, never absent. */
export const requiredNames = [
  'DATABASE_URL',
  'JWT_SECRET',
  'JWT_REFRESH_SECRET',
  'REDIS_URL',
  'FCM_SERVICE_ACCOUNT',
] as const

/** There only while a rotation's overlap lasts. */
export const overlapNames = ['JWT_SECRET_PREVIOUS', 'JWT_REFRESH_SECRET_PREVIOUS'] as const

/** How far a rotation of the JWT keys is: nothing secret, but it must be exactly where they are. */
export const phaseName = 'ROTATION_PHASE'

export const secretNames = [...requiredNames, ...overlapNames, phaseName] as const
export type SecretName = (typeof secretNames)[number]
export type SecretValues = Readonly<Partial<Record<SecretName, string>>>

/** Secrets Manager keeps at most 64 KiB; a value longer than that is no secret of ours. */
const MAX_VALUE_LENGTH = 65_536

/** A service account is JSON itself: written by hand it is often an object and not a text of one. */
const value = z.union([z.string().max(MAX_VALUE_LENGTH), z.record(z.string(), z.unknown())])
const schema = z.record(z.string(), z.unknown())

export interface ParsedSecret {
  readonly values: SecretValues
  /** One sentence for each thing that is wrong, by name; never a value. */
  readonly problems: readonly string[]
}

/** Reads the secret's text. Names that this release does not know are left alone: a newer one may have put them there. */
export function parseSecret(text: string): ParsedSecret {
  const parsed = schema.safeParse(parseJson(text))
  // The parser's own words would quote what it could not read.
  if (!parsed.success) return { values: {}, problems: ['Expected a JSON object of names and values'] }
  const values: Partial<Record<SecretName, string>> = {}
  const problems: string[] = []
  for (const name of secretNames) {
    if (!Object.hasOwn(parsed.data, name)) continue
    const checked = value.safeParse(parsed.data[name])
    if (!checked.success) problems.push(`${name}: Expected a text`)
    else values[name] = typeof checked.data === 'string' ? checked.data : JSON.stringify(checked.data)
  }
  return { values, problems }
}

/** Those that neither the secret nor `given` has. */
export function missingNames(values: SecretValues, given: Readonly<Record<string, string | undefined>>) {
  return requiredNames.filter(name => values[name] === undefined && given[name] === undefined)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
