import { describe, expect, it } from '@jest/globals'
import pg from 'pg'
import {
  type Failure,
  failureOf,
  markUnavailable,
  orUnavailable,
} from '../../../src/adapters/postgres/connection/sqlstate.js'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'

const fromServer = (code: string, more = {}) =>
  Object.assign(new pg.DatabaseError('said', 4, 'error'), { code, ...more })
const fromSystem = (code: string) => Object.assign(new Error(code), { code })

/** Each class of Postgres's appendix A, and codes that differ from their class. */
const TABLE: readonly (readonly [Failure, ...string[]])[] = [
  ['again', '40000', '40001', '40002', '40P01', '55P03', '55006', '23505', '26000', '42P05', '72000'],
  ['away', '08000', '08001', '08003', '08004', '08006', '08007', '08P01', '40003'],
  ['away', '25000', '25001', '25006', '25P01', '25P02', '25P03', '25P04'],
  ['away', '28000', '28P01', '3D000', '53300', '55000', '55P02'],
  ['away', '57000', '57014', '57P01', '57P02', '57P03', '57P04', '57P05', '57P99'],
  ['away', '', 'ZZ999', '99000'],
  ['refused', '53000', '53100', '53200', '53400', '42501'],
  ['refused', '58000', '58030', '58P01', 'F0000', 'XX000', 'XX001', 'XX002'],
  ['unstorable', '22000', '22021', '22P05', '22003', '54000', '54001', '54011', '54023'],
  ['broken', '03000', '0A000', '21000', '23503', '23514', '23502', '24000', '2D000', '34000', '3F000'],
  ['broken', '42601', '42703', '42P01', '42883', '44000', 'HV000', 'P0001'],
]

const codesThat = (...failures: Failure[]) =>
  TABLE.filter(([failure]) => failures.includes(failure)).flatMap(([, ...codes]) => codes)

describe('R13.1 an error of the database', () => {
  it.each(TABLE.flatMap(([failure, ...codes]) => codes.map(code => [code, failure] as const)))(
    'with SQLSTATE %s is: %s',
    (code, failure) => {
      expect(failureOf(fromServer(code))).toBe(failure)
    },
  )

  it('that means a stale plan after a migration is retried on a connection without plans', () => {
    expect(failureOf(fromServer('0A000', { routine: 'RevalidateCachedQuery' }))).toBe('again')
  })

  it.each(['EPIPE', 'EBUSY', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])(
    'of the system (%s) leaves open what has been applied, whatever it looks like',
    code => {
      expect(failureOf(fromSystem(code))).toBe('away')
    },
  )

  it.each([
    'Connection terminated unexpectedly',
    'Query read timeout',
    'timeout exceeded when trying to connect',
    'Too many callers wait for a database connection',
    'Client has encountered a connection error and is not queryable',
  ])('of the driver (%s) leaves it open too', message => {
    expect(failureOf(new Error(message))).toBe('away')
  })

  it.each([new TypeError('x is undefined'), new RangeError('too long'), 'a text'])(
    'thrown by code is a defect: %s',
    error => {
      expect(failureOf(error)).toBe('broken')
    },
  )
})

describe('the error that a caller gets', () => {
  const told = (mark: typeof orUnavailable, error: unknown) =>
    mark(Promise.reject(error)).catch((e: unknown) => e)

  it.each(codesThat('away', 'refused', 'again').filter(code => code !== '23505'))(
    'for %s says that the database is unavailable, with the error as its cause',
    async code => {
      const error = fromServer(code)
      const answer = await told(orUnavailable, error)
      expect(answer).toBeInstanceOf(StoreUnavailableError)
      expect(answer).toMatchObject({ cause: error })
    },
  )

  it.each(codesThat('broken'))('for %s is the error itself: a defect', async code => {
    const error = fromServer(code)
    expect(await told(orUnavailable, error)).toBe(error)
  })

  it('for a value beyond the server’s limits is unavailability: no input counts as our defect', async () => {
    expect(await told(orUnavailable, fromServer('54000'))).toBeInstanceOf(StoreUnavailableError)
  })

  it('says whether an immediate retry may help', async () => {
    expect(await told(orUnavailable, fromServer('57P01'))).toMatchObject({ isLasting: false })
    expect(await told(orUnavailable, fromServer('53100'))).toMatchObject({ isLasting: true })
  })

  it('leaves retryable and divisible errors to callers that retry and split', async () => {
    for (const code of codesThat('again', 'unstorable')) {
      const error = fromServer(code)
      expect(await told(markUnavailable, error)).toBe(error)
    }
  })
})
