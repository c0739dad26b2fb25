import { describe, expect, it } from '@jest/globals'
import {
  afterPause,
  afterThisTick,
  Batcher,
  type BatcherOptions,
  inThisTick,
  whenFullOrAfter,
} from '../../../src/concurrency/batcher.js'
import { virtualPlatform } from '../../support/engine/virtual-platform.js'

const CALL_MS = 10

/** A batcher whose calls take `CALL_MS` of virtual time, and the calls that it made. */
function batcherWith(
  options: (
    platform: ReturnType<typeof virtualPlatform>['platform'],
  ) => Partial<BatcherOptions<string, string>>,
) {
  const { time, platform } = virtualPlatform()
  const calls: { readonly at: number; readonly things: readonly string[] }[] = []
  const batcher = new Batcher<string, string>({
    maxBatch: 3,
    begin: inThisTick,
    async work(things) {
      calls.push({ at: time.now, things })
      await time.sleep(CALL_MS)
      return things.map(thing => thing.toUpperCase())
    },
    ...options(platform),
  })
  const add = (...things: string[]) => Promise.all(things.map(thing => batcher.add(thing)))
  return { time, batcher, calls, add }
}
const called = (calls: readonly { readonly at: number; readonly things: readonly string[] }[]) =>
  calls.map(({ at, things }) => `${at}: ${things.join('')}`)

describe('a batcher', () => {
  it('makes one call of the items of one tick, and the next call of those that were added meanwhile', async () => {
    const { time, calls, add } = batcherWith(() => ({}))
    const first = add('a', 'b')
    await time.runUntilDone(time.sleep(5))
    const second = add('c', 'd')
    expect(await time.runUntilDone(Promise.all([first, second]))).toEqual([
      ['A', 'B'],
      ['C', 'D'],
    ])
    expect(called(calls)).toEqual(['0: ab', '10: cd'])
  })

  it('never exceeds the size of a call, or the number of calls at a time', async () => {
    const { time, calls, add } = batcherWith(() => ({ maxCalls: 2 }))
    await time.runUntilDone(add(...'abcdefgh'))
    expect(called(calls)).toEqual(['0: abc', '0: def', '10: gh'])
  })

  it('can wait for all callbacks of a tick', async () => {
    const { time, calls, add } = batcherWith(platform => ({ begin: afterThisTick(platform) }))
    const later = Promise.resolve().then(() => add('b'))
    await time.runUntilDone(Promise.all([add('a'), later]))
    expect(called(calls)).toEqual(['0: ab'])
  })

  it('can keep a pace: a pause before each call, even a full one', async () => {
    const { time, calls, add } = batcherWith(platform => ({ begin: afterPause(50, platform) }))
    await time.runUntilDone(add(...'abcd'))
    expect(called(calls)).toEqual(['50: abc', '110: d'])
  })

  it('can wait for a full call, but not longer than a pause', async () => {
    const { time, calls, add } = batcherWith(platform => ({ begin: whenFullOrAfter(50, platform) }))
    const first = add('a')
    await time.runUntilDone(time.sleep(55))
    // Six more: the first three are a full call when the one under way has ended.
    await time.runUntilDone(Promise.all([first, add(...'bcdefg')]))
    expect(called(calls)).toEqual(['50: a', '60: bcd', '70: efg'])
  })

  it('shares an answer among waiting items of one name, and never with an item that is in a call already', async () => {
    const { time, calls, add } = batcherWith(() => ({ nameOf: thing => thing.toLowerCase() }))
    const first = add('a', 'b', 'a')
    await time.runUntilDone(time.sleep(5))
    const second = add('a', 'A')
    expect(await time.runUntilDone(Promise.all([first, second]))).toEqual([
      ['A', 'B', 'A'],
      ['A', 'A'],
    ])
    // The latest of the same is the one that counts.
    expect(called(calls)).toEqual(['0: ab', '10: A'])
  })

  it('fails all items of a failed call, and continues', async () => {
    let isBroken = true
    const { time, batcher } = batcherWith(() => ({
      async work(things) {
        if (isBroken) throw new Error('no')
        return things
      },
    }))
    const outcomes = await time.runUntilDone(Promise.allSettled([batcher.add('a'), batcher.add('b')]))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    isBroken = false
    expect(await time.runUntilDone(batcher.add('c'))).toBe('c')
  })

  it('can repeat a failed call for each item alone, and then fails only the faulty one', async () => {
    const { time, batcher } = batcherWith(() => ({
      async work(things) {
        if (things.includes('bad')) throw new Error('bad')
        return things
      },
      isolates: error => error instanceof Error,
    }))
    const outcomes = await time.runUntilDone(
      Promise.allSettled(['good', 'bad', 'fine'].map(thing => batcher.add(thing))),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('fails a call that returns fewer or more answers than it has items', async () => {
    const { time, batcher } = batcherWith(() => ({ work: async things => things.slice(1) }))
    const both = Promise.allSettled([batcher.add('a'), batcher.add('b')])
    expect(await time.runUntilDone(both)).toMatchObject([
      { reason: new Error('expected 2 answers, got 1') },
      { reason: new Error('expected 2 answers, got 1') },
    ])
  })

  it('is idle when nothing waits and nothing is in progress', async () => {
    const { time, batcher } = batcherWith(() => ({}))
    await batcher.idle()
    for (const thing of 'abcd') batcher.add(thing)
    expect(batcher.size).toBe(4)
    await time.runUntilDone(batcher.idle())
    expect([batcher.size, time.now]).toEqual([0, 2 * CALL_MS])
  })

  it('flushes without the pause, and also what is added meanwhile', async () => {
    const { time, batcher, calls } = batcherWith(platform => ({ begin: afterPause(50, platform) }))
    batcher.add('a')
    const flushed = batcher.flush()
    batcher.add('b')
    await time.runUntilDone(flushed)
    expect(called(calls)).toEqual(['0: a', '10: b'])
  })

  it('drops the waiting items when it is cleared', async () => {
    const { time, batcher, calls } = batcherWith(platform => ({
      begin: afterPause(50, platform),
      nameOf: thing => thing,
    }))
    batcher.add('a')
    batcher.clear()
    await batcher.idle()
    batcher.add('b')
    await time.runUntilDone(batcher.add('a'))
    expect(called(calls)).toEqual(['50: ba'])
  })
})
