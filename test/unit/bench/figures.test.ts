import { describe, expect, it } from '@jest/globals'
import { inFlight, mean, median, spread, timed } from '../../../bench/measure.js'
import { atLeast, atMost, toFigure } from '../../../bench/report/figure.js'

const AT = new Date('2026-01-02T03:04:05Z')
const measured = { key: 'B0', what: 'something', unit: '/s' }

describe('the statistics of the benchmark', () => {
  it('take the middle value, and of an even number the mean of the two in the middle', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
    expect([mean([1, 2, 6]), spread([2, 1, 3])]).toEqual([3, [1, 3]])
  })

  it.each([median, mean, spread])('give nothing for no values: %p', of => {
    expect(() => of([])).toThrow('no values')
  })

  it('time each piece of work, with never more in progress than the limit', async () => {
    let underWay = 0
    let most = 0
    const { latenciesMs, perSecond } = await timed(10, 3, async () => {
      most = Math.max(most, ++underWay)
      await new Promise(resolve => setTimeout(resolve, 2))
      underWay -= 1
    })
    expect(most).toBe(3)
    expect(latenciesMs).toHaveLength(10)
    expect(Math.min(...latenciesMs)).toBeGreaterThan(0)
    expect(perSecond).toBeGreaterThan(0)
  })

  it('do each piece of work once', async () => {
    const done: number[] = []
    await inFlight(5, 2, async i => void done.push(i))
    expect(done.sort()).toEqual([0, 1, 2, 3, 4])
  })
})

describe('a figure', () => {
  it('is the median of its rounds, and its ratio is the median of the rounds’ ratios', () => {
    const values = [100, 300, 200]
    const beside = { what: 'the limit', values: [100, 100, 400] }
    expect(toFigure({ ...measured, values, beside, goal: atLeast(1) }, AT)).toEqual({
      what: 'something',
      value: 200,
      unit: '/s',
      ratio: 1,
      beside: { what: 'the limit', value: 100 },
      goal: 'ratio at least 1',
      met: true,
      spread: [0.5, 3],
      rounds: 3,
      at: '2026-01-02T03:04:05.000Z',
    })
  })

  it.each([
    [atLeast(2), [1.9], false],
    [atLeast(2), [2], true],
    [atMost(2, 'ratio'), [2.1], false],
    [atMost(2, 'ratio'), [2], true],
  ])('meets %j with ratios %j: %p', (goal, values, met) => {
    expect(toFigure({ ...measured, values, beside: { what: 'x', values: [1] }, goal }, AT).met).toBe(met)
  })

  it('is judged, and its spread shown, by its value if the goal is a value', () => {
    const beside = { what: 'the usual way', values: [1_000] }
    const figure = toFigure({ ...measured, values: [10, 30, 20], beside, goal: atMost(20) }, AT)
    expect(figure).toMatchObject({ ratio: 0.02, met: true, spread: [10, 30], goal: 'value at most 20' })
  })

  it('has neither ratio nor verdict if there is no comparison and no goal', () => {
    expect(toFigure({ ...measured, values: [7] }, AT)).toMatchObject({
      ratio: null,
      beside: null,
      goal: null,
      met: null,
      spread: [7, 7],
    })
  })

  it('refuses a comparison with another number of rounds', () => {
    const beside = { what: 'x', values: [1, 2] }
    expect(() => toFigure({ ...measured, values: [1, 2, 3], beside }, AT)).toThrow('3 rounds beside 2')
  })
})
