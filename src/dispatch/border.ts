/*
 * What every door does with what comes in: parses it, and turns what does not fit, or was thrown for want
 * of another way out, into problems. HTTP and sockets share it, so that they answer alike.
 */
import type { z } from 'zod'
import {
  InvalidEventError,
  OverloadedError,
  StoreUnavailableError,
  UnknownInstanceError,
  UnknownVersionError,
} from '../runtime/errors.js'
import { ok, type Problem, problem, type Result } from './problems.js'

/** Complaints listed in one answer: enough to mend a form; a body of a million mistakes is not worth more. */
const MAX_ERRORS = 20
/** Of one complaint or path. Zod's repeat the names of unknown fields, which may be a megabyte of them. */
const MAX_MESSAGE_LENGTH = 200

export function parseInput<T>(schema: z.ZodType<T>, input: unknown): Result<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return ok(parsed.data)
  return invalid(parsed.error.issues.map(i => ({ path: i.path.map(String).join('.'), message: i.message })))
}

/** The problem for what a schema or another parser refused. `path` is dotted; empty for the whole. */
export function invalid(
  errors: readonly { readonly path: string; readonly message: string }[],
  more: Pick<Problem, 'detail'> = {},
): { ok: false; problem: Problem } {
  const bounded = errors.slice(0, MAX_ERRORS).map(e => ({ path: cut(e.path), message: cut(e.message) }))
  return problem('VALIDATION_FAILED', { ...more, members: { errors: bounded } })
}

/** Bounded, and well-formed: never half a character. */
export function cut(text: string): string {
  if (text.length <= MAX_MESSAGE_LENGTH) return text.toWellFormed()
  return `${text.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()}…`
}

/** The problem that an error of the runtime's stands for; `undefined`: a fault of ours. */
export function expectedProblem(error: unknown): Problem | undefined {
  if (error instanceof InvalidEventError) return invalid(error.issues, { detail: error.message }).problem
  if (error instanceof UnknownInstanceError) return { code: 'NOT_FOUND' }
  if (error instanceof OverloadedError) {
    return { code: 'UNAVAILABLE', detail: error.message, retryAfterSeconds: error.retryAfterSeconds }
  }
  if (error instanceof StoreUnavailableError || error instanceof UnknownVersionError) {
    return { code: 'UNAVAILABLE', detail: error.message, retryAfterSeconds: 1 }
  }
  return undefined
}
