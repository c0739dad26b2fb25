/* Schemas applied at the border: what does not fit is answered with where and why, within bounds. */
import type { z } from 'zod'
import { ok, type Problem, problem, type Result } from '../../dispatch/problems.js'

/** Complaints listed in one answer: enough to mend a form; a body of a million mistakes is not worth more. */
const MAX_ERRORS = 20
/** Of one complaint or path. Zod's repeat the names of unknown fields, which may be a megabyte of them. */
const MAX_MESSAGE_LENGTH = 200

/** Without a schema nothing is taken, and nothing is said: `undefined`. */
export function parseInput<T>(schema: z.ZodType<T> | undefined, input: unknown): Result<T> {
  if (schema === undefined) return ok(undefined as T)
  const parsed = schema.safeParse(input)
  if (parsed.success) return ok(parsed.data)
  return invalid(
    parsed.error.issues
      .slice(0, MAX_ERRORS)
      .map(i => ({ path: i.path.map(String).join('.'), message: i.message })),
  )
}

/**
 * Ids in the path. One that cannot exist is answered like one that does not, so that nothing is learnt
 * by probing; only where the caller makes the id up is it told what an id looks like.
 */
export function parsePathIds<T>(
  schema: z.ZodType<T> | undefined,
  input: unknown,
  namesNewId: boolean,
): Result<T> {
  const parsed = parseInput(schema, input)
  return parsed.ok || namesNewId ? parsed : problem('NOT_FOUND')
}

/** The problem for what a schema or a header parser refused. `path` is dotted; empty for the whole. */
export function invalid(
  errors: readonly { readonly path: string; readonly message: string }[],
  more: Pick<Problem, 'detail'> = {},
): { ok: false; problem: Problem } {
  const bounded = errors.map(e => ({ path: cut(e.path), message: cut(e.message) }))
  return problem('VALIDATION_FAILED', { ...more, members: { errors: bounded } })
}

/** Never in the middle of a surrogate pair: what leaves the house is well-formed. */
export function cut(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH
    ? text.toWellFormed()
    : `${text.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()}…`
}
