import { PresenceLost } from '../ports.js'

/**
 * Resolves to presence's answer, or to `undefined` while presence is lost. No command fails or waits for presence: each
 * caller has a fallback. The adapter has already logged the loss, and `/health` shows it.
 */
export async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof PresenceLost) return undefined
    throw error
  }
}
