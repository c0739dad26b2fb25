import { type Problem, problemDocument } from '../../dispatch/problems.js'

/** A problem document without HTTP around it: what a header would say is a member. */
export function socketProblem(refusal: Problem): Record<string, unknown> {
  const { retryAfterSeconds } = refusal
  return { ...problemDocument(refusal), ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
}
