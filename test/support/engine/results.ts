import type { Result } from '../../../src/dispatch/problems.js'

/** Returns the value of a result that must be one. */
export function expectOk<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`Unexpected problem: ${JSON.stringify(result.problem)}`)
  return result.value
}

/** Returns the code of a result that must be a problem. */
export function expectProblem(result: Result<unknown>): string {
  if (result.ok) throw new Error(`Expected a problem, got ${JSON.stringify(result.value)}`)
  return result.problem.code
}
