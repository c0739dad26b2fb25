import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { createCommitSender, type SendCommit } from '../../../../src/runtime/commit/resend.js'
import { StoreUnavailableError } from '../../../../src/runtime/errors.js'
import type { InstanceWrite, Store, WriteResult } from '../../../../src/runtime/ports.js'
import { silentLog } from '../../../../src/runtime/silent-log.js'

const write = (id: string, uid: string) =>
  ({ row: { id }, expectedVersion: 4, journal: [{ uid }] }) as unknown as InstanceWrite

/** A store that answers commits as told, and whose journal has `uid` as the next row of every instance. */
function storeThat(answers: ('away' | Error | WriteResult[])[], uid?: string) {
  const asked: { after: number; id: string }[] = []
  let commits = 0
  let confirmations = 0
  const store = {
    commit: async () => {
      commits++
      const answer = answers.shift() ?? 'away'
      if (answer === 'away') throw new StoreUnavailableError('away')
      if (answer instanceof Error) throw answer
      return answer
    },
    history: async (id: string, after: number) => {
      asked.push({ id, after })
      return uid === undefined ? [] : [{ uid }]
    },
    confirmDurable: async () => {
      confirmations++
    },
  } as unknown as Store
  return { store, asked, commits: () => commits, confirmations: () => confirmations }
}
const claimed: WriteResult = { kind: 'claimed', holders: new Map([['k', 'other']]) }
const unmet: WriteResult = {
  kind: 'unmet',
  preconditions: [{ table: 'keys', row: { id: 'k' }, isThere: true }],
}
const send = (store: Store, ...writes: InstanceWrite[]) =>
  sendBy(createCommitSender(store, silentLog), writes)
const sendBy = async (sender: SendCommit, writes: readonly InstanceWrite[]) => {
  const outcome = sender(writes).then(
    results => results.map(r => r.kind),
    error => error,
  )
  await jest.advanceTimersByTimeAsync(20_000)
  return outcome
}

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

describe('a commit', () => {
  it('that is answered is sent once, and its results are kept', async () => {
    const { store, asked, commits } = storeThat([[{ kind: 'stale' }, claimed]], 'ours')
    expect(await send(store, write('a', 'ours'), write('b', 'ours'))).toEqual(['stale', 'claimed'])
    expect([commits(), asked]).toEqual([1, []])
  })

  it.each<[string, WriteResult]>([
    ['stale', { kind: 'stale' }],
    ['claimed', claimed],
    ['unmet', unmet],
    ['gateLost', { kind: 'gateLost', sendIds: ['t'] }],
    ['busy', { kind: 'busy' }],
  ])('sent again that finds itself %s is known by its uid to have been applied', async (_kind, result) => {
    const { store, asked, confirmations } = storeThat(['away', [result]], 'ours')
    expect(await send(store, write('a', 'ours'))).toEqual(['moved'])
    expect(asked).toEqual([{ id: 'a', after: 4 }])
    // The commit's wait for a synchronous standby may have been cut short.
    expect(confirmations()).toBe(1)
  })

  it.each<[string, WriteResult]>([
    ['stale', { kind: 'stale' }],
    ['gateLost', { kind: 'gateLost', sendIds: ['t'] }],
  ])('sent again that finds itself %s by others can never be applied', async (kind, result) => {
    const { store } = storeThat(['away', [result]], 'another’s')
    expect(await send(store, write('a', 'ours'))).toEqual([kind])
  })

  it.each<[string, WriteResult]>([
    ['claimed', claimed],
    ['unmet', unmet],
    ['busy', { kind: 'busy' }],
  ])('sent again that finds itself %s may yet be applied by its first sending', async (_kind, result) => {
    const { store } = storeThat(['away', [result]])
    expect(await send(store, write('a', 'ours'))).toEqual(['unknown'])
  })

  it('is given up after seconds, with the database’s error', async () => {
    const { store, commits } = storeThat([])
    expect(await send(store, write('a', 'ours'))).toBeInstanceOf(StoreUnavailableError)
    expect(commits()).toBeGreaterThan(8)
    expect(commits()).toBeLessThan(30)
  })

  it('is given up soon if another one has found the database away for seconds, until one succeeds', async () => {
    const { store, commits } = storeThat([])
    const sender = createCommitSender(store, silentLog)
    await sendBy(sender, [write('a', 'ours')])
    const first = commits()
    expect(await sendBy(sender, [write('b', 'ours')])).toBeInstanceOf(StoreUnavailableError)
    const second = commits() - first
    expect(second).toBeGreaterThan(1)
    expect(second).toBeLessThan(first / 2 + 1)
  })

  it('has the full time again after one that succeeded', async () => {
    const away = Array.from({ length: 40 }, () => 'away' as const)
    const { store, commits } = storeThat([...away.slice(0, 20), [{ kind: 'stale' }]])
    const sender = createCommitSender(store, silentLog)
    while (!Array.isArray(await sendBy(sender, [write('a', 'ours')])));
    const before = commits()
    await sendBy(sender, [write('b', 'ours')])
    expect(commits() - before).toBeGreaterThan(8)
  })

  it('that fails for another reason is not sent again', async () => {
    const { store, commits } = storeThat([new Error('relation "instances" does not exist')])
    expect(await send(store, write('a', 'ours'))).toMatchObject({
      message: expect.stringContaining('relation'),
    })
    expect(commits()).toBe(1)
  })
})
