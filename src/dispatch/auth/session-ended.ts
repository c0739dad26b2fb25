import { problem, type Result } from '../problems.js'

/** The answer to tokens of sessions that were ended, by their user or an administrator. */
export const sessionEnded = (): Result<never> =>
  problem('UNAUTHENTICATED', { detail: 'The session was ended: sign in anew' })
