import { PresenceLost } from '../ports.js'

/**
 * What presence answers, or undefined while it is lost. Nothing fails for its sake, and nothing waits: who asks says
 * beside the question what then holds instead. That it is lost its adapter has said, once, and `/health` shows it.
 */
export async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof PresenceLost) return undefined
    throw error
  }
}
