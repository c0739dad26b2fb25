import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import type { Socket } from 'socket.io'
import { createResumer } from '../../../src/adapters/socket/resume.js'
import type { Dispatch } from '../../../src/dispatch/api.js'
import type { Envelope } from '../../../src/dispatch/ports.js'
import type { Synced } from '../../../src/dispatch/resume/sync.js'

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

const asking = {
  askOne: (socket: Socket, envelope: Envelope) => void socket.emit(envelope.type, envelope),
}
const caller = { id: 'c', role: 'customer' } as const
const event = (id: string) => ({ id, type: 'booking_updated', at: '', data: {} })

/** A socket, and a dispatch whose passes take so long (milliseconds) and find these ids. What happens, in order. */
function absence(passes: readonly { takesMs: number; ids: readonly string[]; hasMore?: boolean }[]) {
  const happened: string[] = []
  const rest = [...passes]
  const socket = { connected: true, emit: (_type: string, { id }: { id: string }) => happened.push(id) }
  const dispatch = {
    async sync(_caller: unknown, { after }: { after: string }): Promise<{ ok: true; value: Synced }> {
      happened.push(`read after ${after}`)
      const { takesMs = 0, ids = [], hasMore = false } = rest.shift() ?? {}
      jest.advanceTimersByTime(takesMs)
      const next = `point ${passes.length - rest.length}`
      return { ok: true, value: { resync: false, events: ids.map(event), next, hasMore } }
    },
  }
  return {
    happened,
    socket,
    given: {
      socket: socket as unknown as Socket,
      dispatch: dispatch as unknown as Dispatch,
      caller,
      after: 'seen',
      join: () => void happened.push('joined'),
    },
  }
}

describe('R7.3 a socket that resumes', () => {
  it('R7.3 gets what it missed, joins, and gets what came meanwhile, nothing twice', async () => {
    const { given, happened } = absence([
      { takesMs: 5, ids: ['1', '2'], hasMore: true },
      { takesMs: 5, ids: ['3'] },
      { takesMs: 5, ids: ['3', '4'] },
    ])
    expect(await createResumer(asking).resume(given)).toEqual({ ok: true, value: { isResync: false } })
    expect(happened).toEqual([
      'read after seen',
      '1',
      '2',
      'read after point 1',
      '3',
      'joined',
      'read after point 2',
      '4',
    ])
  })

  it('R7.3 does not join after a pass so slow that a live event would be too far ahead of what it lacks', async () => {
    const { given, happened } = absence([
      { takesMs: 9_000, ids: ['1'] },
      { takesMs: 3_000, ids: ['2'] },
      { takesMs: 5, ids: ['3'] },
      { takesMs: 5, ids: [] },
    ])
    expect((await createResumer(asking).resume(given)).ok).toBe(true)
    expect(happened.indexOf('joined')).toBeGreaterThan(happened.indexOf('3'))
  })

  it('R7.3 gives up with a database that is never quick, without having joined', async () => {
    const { given, happened } = absence(Array.from({ length: 20 }, () => ({ takesMs: 9_000, ids: [] })))
    expect(await createResumer(asking).resume(given)).toMatchObject({
      ok: false,
      problem: { code: 'UNAVAILABLE' },
    })
    expect(happened).not.toContain('joined')
  })

  it('R7.3 that has disconnected meanwhile is not made to join', async () => {
    const { given, happened, socket } = absence([{ takesMs: 5, ids: ['1'] }])
    const resumed = createResumer(asking).resume(given)
    socket.connected = false
    await resumed
    expect(happened).not.toContain('joined')
  })

  it('R7.3 waits for its turn: four at a time', async () => {
    const { resume } = createResumer(asking)
    const releases: (() => void)[] = []
    const started: number[] = []
    const many = Array.from({ length: 6 }, (_, i) => {
      const { given } = absence([])
      const sync = async () => {
        started.push(i)
        await new Promise<void>(resolve => releases.push(resolve))
        return { ok: false, problem: { code: 'UNAVAILABLE' } }
      }
      return resume({ ...given, dispatch: { sync } as unknown as Dispatch })
    })
    await jest.advanceTimersByTimeAsync(1)
    expect(started).toEqual([0, 1, 2, 3])
    releases[0]?.()
    await jest.advanceTimersByTimeAsync(1)
    expect(started).toEqual([0, 1, 2, 3, 4])
    for (let i = 1; i < 6; i++) {
      releases[i]?.()
      await jest.advanceTimersByTimeAsync(1)
    }
    await Promise.all(many)
    expect(started).toEqual([0, 1, 2, 3, 4, 5])
  })
})
