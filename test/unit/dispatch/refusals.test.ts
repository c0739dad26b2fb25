import { describe, expect, it } from '@jest/globals'
import { expectingFailures, problemOfRefusal } from '../../../src/dispatch/refusals.js'
import { InvalidEventError, OverloadedError, StoreUnavailableError } from '../../../src/runtime/errors.js'

describe('a failure', () => {
  it('that the engine expects becomes a problem, and a bug stays thrown', async () => {
    const codeOf = async (error: Error) => {
      const result = await expectingFailures(Promise.reject(error))
      return result.ok ? undefined : result.problem
    }
    expect(await codeOf(new OverloadedError('busy', 3))).toEqual({
      code: 'UNAVAILABLE',
      detail: 'busy',
      retryAfterSeconds: 3,
    })
    expect(await codeOf(new StoreUnavailableError('gone'))).toMatchObject({ code: 'UNAVAILABLE' })
    const issues = [{ path: 'a', message: 'b' }]
    expect(await codeOf(new InvalidEventError('no', issues))).toEqual({
      code: 'VALIDATION_FAILED',
      detail: 'no',
      members: { errors: issues },
    })
    await expect(codeOf(new Error('bug'))).rejects.toThrow('bug')
  })

  it('that the machine names keeps what the caller needs next', () => {
    expect(problemOfRefusal({ reason: 'ACTIVE_BROADCAST_EXISTS', broadcastId: 'x' })).toEqual({
      ok: false,
      problem: { code: 'ACTIVE_BROADCAST_EXISTS', members: { broadcastId: 'x' } },
    })
    expect(() => problemOfRefusal({ reason: 'UNHEARD_OF' })).toThrow('UNHEARD_OF')
  })
})
