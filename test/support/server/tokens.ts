import { signToken } from '../../../src/adapters/tokens/jwt.js'
import type { Role } from '../../../src/dispatch/person.js'

/** What servers under test sign with; a test may sign whatever it likes. */
export const TEST_SECRET = 'a-secret-of-the-tests-and-of-nothing-else'
export const TEST_REFRESH_SECRET = 'a-refresh-secret-of-the-tests-and-nothing-else'

const HOUR_MS = 3_600_000

export function tokenFor(role: Role, id: string, ttlMs = HOUR_MS): Promise<string> {
  return signToken({ id, role }, TEST_SECRET, ttlMs)
}
