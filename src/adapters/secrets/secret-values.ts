/*
 * The values of the JSON secret, which have the names of the settings. Only this file says which values are secret.
 * Those are kept out of logs, messages and the environment of child processes.
 */
import { z } from 'zod'

/** Each of these must be present. A value that is deliberately unused is an empty text. */
export const requiredNames = [
  'DATABASE_URL',
  'JWT_SECRET',
  'JWT_REFRESH_SECRET',
  'REDIS_URL',
  'FCM_SERVICE_ACCOUNT',
] as const

/** Present only during the overlap of a rotation. */
export const overlapNames = ['JWT_SECRET_PREVIOUS', 'JWT_REFRESH_SECRET_PREVIOUS'] as const

/** The phase of a rotation of the JWT keys. It is not secret, but must be stored exactly where the keys are. */
export const phaseName = 'ROTATION_PHASE'

export const secretNames = [...requiredNames, ...overlapNames, phaseName] as const
export type SecretName = (typeof secretNames)[number]
export type SecretValues = Readonly<Partial<Record<SecretName, string>>>

/** Secrets Manager stores at most 64 KiB, so a longer value does not come from there. */
const MAX_VALUE_LENGTH = 65_536

/** A service account is itself JSON. In a secret written by hand it is often an object instead of its text. */
const value = z.union([z.string().max(MAX_VALUE_LENGTH), z.record(z.string(), z.unknown())])
const schema = z.record(z.string(), z.unknown())

export interface ParsedSecret {
  readonly values: SecretValues
  /** One sentence for each problem, with the name of the setting and never a value. */
  readonly problems: readonly string[]
}

/** Reads the text of the secret. Names that this release does not know are ignored: a newer one may have added them. */
export function parseSecret(text: string): ParsedSecret {
  const parsed = schema.safeParse(parseJson(text))
  // The parser's message would quote the text.
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

/** Required names that neither the secret nor `given` has. */
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
