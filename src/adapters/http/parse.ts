import type { z } from 'zod'
import { parseInput } from '../../dispatch/border.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'

/** Without a schema every input is ignored and the value is `undefined`. */
export function parseOptional<T>(schema: z.ZodType<T> | undefined, input: unknown): Result<T> {
  return schema === undefined ? ok(undefined as T) : parseInput(schema, input)
}

/**
 * Parses the ids in the path. A malformed id is answered like an unknown one, so that probing reveals nothing. Only
 * where the caller chooses the id does the answer say what an id looks like.
 */
export function parsePathIds<T>(
  schema: z.ZodType<T> | undefined,
  input: unknown,
  namesNewId: boolean,
): Result<T> {
  const parsed = parseOptional(schema, input)
  return parsed.ok || namesNewId ? parsed : problem('NOT_FOUND')
}
