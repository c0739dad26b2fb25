import { describe, expect, it } from '@jest/globals'
import { DriverFactsReader } from '../../../src/dispatch/fleet/driver-facts.js'
import type { DriverFacts } from '../../../src/dispatch/ports.js'

const factsOf = (id: string): DriverFacts => ({
  transporterId: `owner-of-${id}`,
  isSwitchedOn: true,
  isBusy: false,
  vehicle: undefined,
})

/** A database that answers when the test says so. */
function slowFleet() {
  const asked: string[][] = []
  const answers: ((fails?: boolean) => void)[] = []
  return {
    asked,
    answer: (fails = false) => answers.shift()?.(fails),
    driverPresenceFacts: (ids: readonly string[]) =>
      new Promise<ReadonlyMap<string, DriverFacts>>((resolve, reject) => {
        asked.push([...ids])
        answers.push(fails => {
          if (fails) reject(new Error('lost'))
          else resolve(new Map(ids.filter(id => id !== 'nobody').map(id => [id, factsOf(id)])))
        })
      }),
  }
}
const turn = () => new Promise(resolve => setImmediate(resolve))

describe('drivers’ facts', () => {
  it('are read by one statement at a time, for all waiting callers', async () => {
    const fleet = slowFleet()
    const reader = new DriverFactsReader(fleet)
    const first = [reader.read('a'), reader.read('b'), reader.read('a')]
    await turn()
    const second = [reader.read('c'), reader.read('nobody'), reader.read('a')]
    await turn()
    expect(fleet.asked).toEqual([['a', 'b']])
    fleet.answer()
    expect(await Promise.all(first)).toEqual(['a', 'b', 'a'].map(factsOf))
    await turn()
    // Also `a` again: it was asked for after the first statement had begun.
    expect(fleet.asked).toEqual([
      ['a', 'b'],
      ['c', 'nobody', 'a'],
    ])
    fleet.answer()
    expect(await Promise.all(second)).toEqual([factsOf('c'), undefined, factsOf('a')])
  })

  it('that could not be read fail their waiting callers, and no later ones', async () => {
    const fleet = slowFleet()
    const reader = new DriverFactsReader(fleet)
    const failing = reader.read('a')
    await turn()
    fleet.answer(true)
    await expect(failing).rejects.toThrow('lost')
    const next = reader.read('a')
    await turn()
    fleet.answer()
    expect(await next).toEqual(factsOf('a'))
  })
})
