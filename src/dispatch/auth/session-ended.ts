import { problem, type Result } from '../problems.js'

/** The answer to a token whose session was ended, by its user or an administrator. */
export const sessionEnded = (): Result<never> =>
  problem('UNAUTHENTICATED', { detail: 'The session was ended: sign in again' })
