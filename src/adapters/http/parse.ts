import type { z } from 'zod'
import { parseInput } from '../../dispatch/border.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'

/** Without a schema nothing is taken, and nothing said about it. */
export function parseOptional<T>(schema: z.ZodType<T> | undefined, input: unknown): Result<T> {
  return schema === undefined ? ok(undefined as T) : parseInput(schema, input)
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
  const parsed = parseOptional(schema, input)
  return parsed.ok || namesNewId ? parsed : problem('NOT_FOUND')
}
