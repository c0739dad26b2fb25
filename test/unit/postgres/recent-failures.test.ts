import { describe, expect, it } from '@jest/globals'
import { createRecentFailures } from '../../../src/adapters/postgres/connection/failures.js'
import { withRecentFailures } from '../../../src/adapters/postgres/health/health.js'

const failed = (code?: string) => Object.assign(new Error('failed'), code === undefined ? {} : { code })

describe('recent failures of the database', () => {
  it('are counted by SQLSTATE, and forgotten after ten seconds', () => {
    let now = 0
    const failures = createRecentFailures(() => now)
    failures.note(failed('53100'))
    failures.note(failed('53100'))
    now = 9_000
    failures.note(failed('57014'))
    expect(failures.counts()).toEqual({ '53100': 2, '57014': 1 })
    now = 10_000
    expect(failures.counts()).toEqual({ '57014': 1 })
    now = 19_000
    expect(failures.counts()).toEqual({})
  })

  it('without a SQLSTATE count as `connection`: those with a system code, and those with none', () => {
    const failures = createRecentFailures()
    failures.note(failed('ECONNREFUSED'))
    failures.note(failed())
    failures.note(failed('no code; select secret'))
    expect(failures.counts()).toEqual({ connection: 3 })
  })

  it('keep a check from being ok, and never improve it', () => {
    expect(withRecentFailures({ status: 'ok', ms: 1 }, {})).toEqual({ status: 'ok', ms: 1 })
    const failing = { '53100': 98 }
    expect(withRecentFailures({ status: 'ok' }, failing)).toEqual({ status: 'degraded', failing })
    expect(withRecentFailures({ status: 'down' }, failing)).toEqual({ status: 'down', failing })
  })
})
