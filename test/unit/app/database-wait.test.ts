import { describe, expect, it } from '@jest/globals'
import { createDatabaseWait, DatabaseAwayError, StartAbandonedError } from '../../../src/app/database-wait.js'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'

const away = (text: string, code?: string) =>
  new StoreUnavailableError(Object.assign(new Error(text), code === undefined ? {} : { code }))

/** Fails with each of these in turn, then succeeds. */
function failing(...errors: Error[]) {
  return async () => {
    const error = errors.shift()
    if (error !== undefined) throw error
    return 'done'
  }
}

function waitFor(waitMs: number, signal?: AbortSignal) {
  const told: string[] = []
  const tell = (line: string) => void told.push(line)
  return { told, wait: createDatabaseWait({ waitMs, tell, ...(signal && { signal }) }) }
}

describe('waiting for the database', () => {
  it('logs nothing when it is available', async () => {
    const { told, wait } = waitFor(60_000)
    expect(await wait(failing())).toBe('done')
    expect(told).toEqual([])
  })

  it('logs the reason at once, each change of the reason, and the end', async () => {
    const { told, wait } = waitFor(60_000)
    const refused = () => away('connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED')
    expect(await wait(failing(refused(), refused(), away('starting up', '57P03')))).toBe('done')
    expect(told).toEqual([
      expect.stringMatching(/for 60 s more: connect ECONNREFUSED 127\.0\.0\.1:5432$/),
      expect.stringMatching(/s more: starting up \(57P03\)$/),
      'the database is available',
    ])
  })

  it('does not retry a defect, or a fault that the operator must fix', async () => {
    const { told, wait } = waitFor(60_000)
    await expect(wait(failing(new Error('a file has changed')))).rejects.toThrow('a file has changed')
    expect(told).toEqual([])
  })

  it('has one time limit for the whole start, and ends with the last reason', async () => {
    const { wait } = waitFor(1_200)
    expect(await wait(failing(away('one')))).toBe('done')
    const always = async () => {
      throw away('two', '28P01')
    }
    const error = await wait(always).catch(e => e)
    expect(error).toBeInstanceOf(DatabaseAwayError)
    expect(error.message).toMatch(/within 1\.2 s \(DATABASE_WAIT_SECONDS\): two \(28P01\)/)
  })

  it('names each of several addresses that refuse', async () => {
    const { told, wait } = waitFor(60_000)
    const errors = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'].map(
      text => new Error(text),
    )
    await wait(failing(new StoreUnavailableError(new AggregateError(errors))))
    expect(told[0]).toContain('ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432')
  })

  it('ends at once when asked to, even while an attempt hangs', async () => {
    const stopping = new AbortController()
    const { told, wait } = waitFor(60_000, stopping.signal)
    let attempts = 0
    const waiting = wait(() => (attempts++ === 0 ? Promise.reject(away('gone')) : new Promise(() => {})))
    while (attempts < 2) await new Promise(resolve => setTimeout(resolve, 10))
    stopping.abort()
    await expect(waiting).rejects.toBeInstanceOf(StartAbandonedError)
    expect(told).toHaveLength(1)
  })
})
