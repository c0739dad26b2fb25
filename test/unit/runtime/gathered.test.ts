import { describe, expect, test } from '@jest/globals'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'
import { gathered } from '../../../src/runtime/gathered.js'

/** Statements that end when they are told to. */
function statements(answer: (key: string) => string = key => key.toUpperCase()) {
  const sent: { readonly keys: readonly string[]; end(error?: Error): void }[] = []
  const read = gathered(
    (key: string) => key,
    keys =>
      new Promise<readonly string[]>((resolve, reject) => {
        sent.push({ keys, end: error => (error ? reject(error) : resolve(keys.map(answer))) })
      }),
  )
  return { sent, read }
}

const tick = () => new Promise<void>(resolve => setImmediate(() => setImmediate(resolve)))

describe('gathered reads', () => {
  test('share a statement if they come together, and an answer if they are the same', async () => {
    const { sent, read } = statements()
    const answers = Promise.all(['a', 'b', 'a'].map(read))
    await tick()
    expect(sent.map(({ keys }) => keys)).toEqual([['a', 'b']])
    sent[0]?.end()
    expect(await answers).toEqual(['A', 'B', 'A'])
  })

  test('wait while two statements are in progress, and never get an answer that was read before they began', async () => {
    const { sent, read } = statements()
    const first = read('a')
    await tick()
    const second = read('a')
    await tick()
    const others = Promise.all([read('a'), read('c')])
    await tick()
    expect(sent.map(({ keys }) => keys)).toEqual([['a'], ['a']])
    sent[0]?.end()
    await first
    await tick()
    expect(sent.map(({ keys }) => keys)).toEqual([['a'], ['a'], ['a', 'c']])
    sent[1]?.end()
    sent[2]?.end()
    expect([await second, ...(await others)]).toEqual(['A', 'A', 'C'])
  })

  test('are at most a hundred to a statement', async () => {
    const { sent, read } = statements()
    for (let i = 0; i < 250; i++) void read(String(i))
    await tick()
    expect(sent.map(({ keys }) => keys.length)).toEqual([100, 100])
  })

  test('do not suffer from another: a refused statement is repeated for each alone', async () => {
    const { sent, read } = statements()
    const outcomes = Promise.allSettled(['good', 'bad'].map(read))
    await tick()
    sent[0]?.end(new Error('22P02'))
    await tick()
    sent[1]?.end()
    await tick()
    sent[2]?.end(new Error('bad indeed'))
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 'GOOD' },
      { status: 'rejected', reason: new Error('bad indeed') },
    ])
  })

  test('all fail if the database does not answer, and the next are sent again', async () => {
    const { sent, read } = statements()
    const outcomes = Promise.allSettled(['a', 'b'].map(read))
    await tick()
    sent[0]?.end(new StoreUnavailableError(new Error('gone')))
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const again = read('a')
    await tick()
    expect(sent).toHaveLength(2)
    sent[1]?.end()
    expect(await again).toBe('A')
  })
})
