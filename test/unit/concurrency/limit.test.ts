import { describe, expect, it } from '@jest/globals'
import { Limit } from '../../../src/concurrency/limit.js'
import { withResolvers } from '../../../src/concurrency/with-resolvers.js'

describe('a limit', () => {
  it('is full while `max` are in progress, and has room when one ends, however it ends', async () => {
    const limit = new Limit(2)
    const [first, second] = [withResolvers<string>(), withResolvers<string>()]
    const answers = [limit.run(() => first.promise), limit.run(() => second.promise)]
    expect([limit.isFull, limit.running]).toEqual([true, 2])
    await expect(limit.run(async () => 'third')).rejects.toThrow('less than 2 under way')
    first.reject(new Error('no'))
    await expect(answers[0]).rejects.toThrow('no')
    expect([limit.isFull, limit.running]).toEqual([false, 1])
    second.resolve('yes')
    expect(await answers[1]).toBe('yes')
    expect(limit.running).toBe(0)
  })

  it('resolves when nothing is in progress', async () => {
    const limit = new Limit(1)
    await limit.idle()
    const { promise, resolve } = withResolvers<void>()
    const work = limit.run(() => promise)
    let isIdle = false
    const idle = limit.idle().then(() => {
      isIdle = true
    })
    await Promise.resolve()
    expect(isIdle).toBe(false)
    resolve()
    await Promise.all([work, idle])
    expect(isIdle).toBe(true)
  })
})
