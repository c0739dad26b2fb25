import { describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { failureOf } from '../../../src/adapters/postgres/sqlstate.js'

const fromServer = (code: string) => Object.assign(new pg.DatabaseError('said', 4, 'error'), { code })
const fromSystem = (code: string) => Object.assign(new Error(code), { code })

describe('an error of the database', () => {
  it.each([
    ['40001', 'again'],
    ['40P01', 'again'],
    ['55P03', 'again'],
    ['23505', 'again'],
    ['22P05', 'unstorable'],
    ['22021', 'unstorable'],
    ['57P01', 'away'],
    ['57P05', 'away'],
    ['57014', 'away'],
    ['08006', 'away'],
    ['25006', 'away'],
    ['53300', 'away'],
    ['42P01', 'broken'],
    ['23514', 'broken'],
    ['XX000', 'broken'],
  ])('with SQLSTATE %s is: %s', (code, failure) => {
    expect(failureOf(fromServer(code))).toBe(failure)
  })

  it.each(['EPIPE', 'EBUSY', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'])(
    'that is the system’s (%s) leaves open what has been applied, whatever it looks like',
    code => {
      expect(failureOf(fromSystem(code))).toBe('away')
    },
  )

  it('that is the client’s own leaves it open too', () => {
    expect(failureOf(new Error('Connection terminated unexpectedly'))).toBe('away')
    expect(failureOf(new Error('Query read timeout'))).toBe('away')
  })
})
