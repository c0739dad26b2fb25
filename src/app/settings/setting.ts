/*
 * What a setting is: the schema of its text, and what docs/SETTINGS.md says about it. The compiler refuses a setting that
 * says nothing about itself.
 */
import { z } from 'zod'

/** The programs that read the environment. `api` and `worker` are the roles of a server; `ROLE=all` is both. */
export type Program = 'api' | 'worker' | 'migrate' | 'rotate-secrets' | 'health-check'

/** docs/SETTINGS.md explains each. */
export type Deployment = 'embedded' | 'one server' | 'cluster' | 'AWS'

export interface Setting<TSchema extends z.ZodType = z.ZodType> {
  /** Its description says which values are taken: see `expecting`. */
  readonly schema: TSchema
  /** What it decides, for an operator. Markdown. */
  readonly meaning: string
  /** A value that is taken. */
  readonly example: string
  readonly readBy: readonly Program[]
  /** Without it, these do not start or do not work. */
  readonly requiredIn?: readonly Deployment[]
  /** These work without it, but not well. */
  readonly advisedIn?: readonly Deployment[]
  /** What holds if it is not set, where the schema has no default. */
  readonly unset?: string
}

export type SettingGroup = Readonly<Record<string, Setting>>

export const server = ['api', 'worker'] as const satisfies readonly Program[]
export const api = ['api'] as const satisfies readonly Program[]

/** A schema that refuses and documents in the same words: `what` follows "Expected". */
export function expecting<TSchema extends z.ZodType>(
  what: string,
  schemaWith: (message: string) => TSchema,
): TSchema {
  return schemaWith(`Expected ${what}`).describe(what)
}

/** One of several words. */
export const oneOf = <const TWords extends readonly [string, ...string[]]>(words: TWords, what: string) =>
  expecting(what, message => z.enum(words, message))

/** The schemas of a group, as zod takes them for an object. */
export function schemasOf<TGroup extends SettingGroup>(group: TGroup) {
  const schemas = Object.entries(group).map(([name, { schema }]) => [name, schema])
  return Object.fromEntries(schemas) as { readonly [K in keyof TGroup]: TGroup[K]['schema'] }
}
