import { type Problem, problemDocument } from '../../dispatch/problems.js'

/** A problem document outside HTTP. What a header would carry becomes a member. */
export function socketProblem(refusal: Problem): Record<string, unknown> {
  const { retryAfterSeconds } = refusal
  return { ...problemDocument(refusal), ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
}
