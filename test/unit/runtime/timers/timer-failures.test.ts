import { describe, expect, it } from '@jest/globals'
import {
  DefinitionError,
  OverloadedError,
  StoreUnavailableError,
  UnknownInstanceError,
  UnknownVersionError,
} from '../../../../src/runtime/errors.js'
import { processPlatform } from '../../../../src/runtime/platform.js'
import type { StoredTimer, TimerFailure } from '../../../../src/runtime/ports.js'
import { silentLog } from '../../../../src/runtime/silent-log.js'
import type { Meter } from '../../../../src/runtime/telemetry.js'
import { createTimerFailures } from '../../../../src/runtime/timers/timer-failures.js'

const timer: StoredTimer = {
  instance: 'i',
  machine: 'fuse',
  sendId: 'burn',
  generation: 2,
  event: { type: 'burn' },
  dueAt: 1,
}
const error = new DefinitionError('It burnt', new TypeError('context.fuse is undefined'))

function failures({ random = 0.5, isCounted = true } = {}) {
  const done: (TimerFailure & { readonly delayMs?: number })[] = []
  const measured: string[] = []
  const note = createTimerFailures({
    store: {
      async postponeTimer(_timer, failure, delayMs) {
        done.push({ ...failure, delayMs })
        return isCounted
      },
      async buryTimer(_timer, failure) {
        done.push(failure)
        return isCounted
      },
    },
    log: silentLog,
    platform: { ...processPlatform, random: () => random },
    meter: {
      timerFailed: (machine: string, isLast: boolean) =>
        void measured.push(`${machine} ${isLast ? 'dead' : 'retried'}`),
    } as unknown as Meter,
  })
  return { note, done, measured }
}

/** Fails until it is not tried any more. */
async function failForGood(random: number) {
  const { note, done, measured } = failures({ random })
  for (let attempts = 0; done.at(-1)?.delayMs !== undefined || attempts === 0; attempts++) {
    await note({ ...timer, attempts }, error)
  }
  return { done, measured }
}

describe('a timer whose own transition fails', () => {
  it('is fired again after pauses that double, and is a dead letter after about a minute', async () => {
    const { done, measured } = await failForGood(0.5)
    expect(done.map(({ attempts }) => attempts)).toEqual(done.map((_, i) => i + 1))
    const pauses = done.flatMap(({ delayMs }) => delayMs ?? [])
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000])
    expect(measured).toEqual([...pauses.map(() => 'fuse retried'), 'fuse dead'])
  })

  it('waits up to a quarter less or more at random', async () => {
    expect((await failForGood(0)).done[0]?.delayMs).toBe(375)
    expect((await failForGood(1)).done[0]?.delayMs).toBe(625)
  })

  it('has its error and the cause of it on record, as text that a database can store', async () => {
    const { note, done } = failures()
    await note(timer, error)
    await note(timer, new Error(`NUL \u0000, half a pair \ud83d, and much more: ${'x'.repeat(5_000)}`))
    expect(done[0]?.error).toBe('DefinitionError: It burnt, because of TypeError: context.fuse is undefined')
    expect(done[1]?.error).toMatch(/^Error: NUL , half a pair \ufffd, and/)
    expect(done[1]?.error).toHaveLength(1_000)
  })

  it('is measured only by the process that counted the attempt', async () => {
    const { note, done, measured } = failures({ isCounted: false })
    await note(timer, error)
    await note({ ...timer, attempts: 7 }, error)
    expect(done).toHaveLength(2)
    expect(measured).toEqual([])
  })
})

it.each([
  new StoreUnavailableError('away'),
  new OverloadedError('too many', 1),
  new UnknownVersionError('newer'),
  new UnknownInstanceError('gone'),
])('is not counted against a timer: %s', async environmental => {
  const { note, done } = failures()
  await expect(note(timer, environmental)).rejects.toBe(environmental)
  expect(done).toEqual([])
})
