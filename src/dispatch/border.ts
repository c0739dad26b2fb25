/*
 * What every entrance does with input: parses it, and turns what does not fit and what the runtime throws into
 * problems. HTTP and sockets share this file, so they answer alike.
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

/** Errors listed in one answer: enough to correct a form. A body with a million mistakes gets no longer answer. */
const MAX_ERRORS = 20
/** Characters of one message or path. Zod's messages repeat the names of unknown fields, which may be a megabyte. */
const MAX_MESSAGE_LENGTH = 200

export function parseInput<T>(schema: z.ZodType<T>, input: unknown): Result<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return ok(parsed.data)
  return invalid(parsed.error.issues.map(i => ({ path: i.path.map(String).join('.'), message: i.message })))
}

/** The problem for input that a schema or another parser refused. `path` is dotted, and empty for the whole input. */
export function invalid(
  errors: readonly { readonly path: string; readonly message: string }[],
  more: Pick<Problem, 'detail'> = {},
): { ok: false; problem: Problem } {
  const bounded = errors.slice(0, MAX_ERRORS).map(e => ({ path: cut(e.path), message: cut(e.message) }))
  return problem('VALIDATION_FAILED', { ...more, members: { errors: bounded } })
}

/** Cuts text to the maximum length. Never cuts a character in half. */
export function cut(text: string): string {
  if (text.length <= MAX_MESSAGE_LENGTH) return text.toWellFormed()
  return `${text.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()}…`
}

/** Returns the problem for an expected error of the runtime. `undefined`: the error is a fault of ours. */
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
