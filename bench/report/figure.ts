/*
 * One line of the benchmark: what was measured round by round, beside what, and whether it is what was wanted.
 * What a goal asks of is the ratio where there is one, unless it says otherwise.
 */
import { median, spread } from '../measure.js'

export interface Goal {
  readonly of: 'ratio' | 'value'
  readonly is: 'at least' | 'at most'
  readonly bound: number
}

export interface Measured {
  /** `B1.64`: a part, and what of it. */
  readonly key: string
  readonly what: string
  readonly unit: string
  /** One for each round. */
  readonly values: readonly number[]
  /** The same of something else, in the same rounds; one value alone stands beside all rounds. */
  readonly beside?: { readonly what: string; readonly values: readonly number[] }
  readonly goal?: Goal
}

/** As kept in results.json. */
export interface Figure {
  readonly what: string
  /** The median of the rounds. */
  readonly value: number
  readonly unit: string
  /** `value` over `beside.value`, as the median of the rounds' own ratios. */
  readonly ratio: number | null
  readonly beside: { readonly what: string; readonly value: number } | null
  /** In words, of the ratio or of the value: `ratio at least 1.5`. */
  readonly goal: string | null
  readonly met: boolean | null
  /** The least and the greatest of the rounds: of the ratio if the goal is of that, or there is no goal, else of the value. */
  readonly spread: readonly [min: number, max: number]
  readonly rounds: number
  /** When it was measured: parts may be measured one by one. */
  readonly at: string
}

export const atLeast = (bound: number, of: Goal['of'] = 'ratio'): Goal => ({ of, is: 'at least', bound })
export const atMost = (bound: number, of: Goal['of'] = 'value'): Goal => ({ of, is: 'at most', bound })

export const inWords = ({ of, is, bound }: Goal) => `${of} ${is} ${bound}`

/** Throws when there is no round, or another number of them beside it. */
export function toFigure({ what, unit, values, beside, goal }: Measured, at: Date): Figure {
  const ratios = beside && ratiosOf(values, beside.values)
  const judged = goal?.of === 'value' || ratios === undefined ? values : ratios
  return {
    what,
    value: rounded(median(values)),
    unit,
    ratio: ratios === undefined ? null : rounded(median(ratios)),
    beside: beside === undefined ? null : { what: beside.what, value: rounded(median(beside.values)) },
    goal: goal === undefined ? null : inWords(goal),
    met: goal === undefined ? null : isMet(median(judged), goal),
    spread: spread(judged).map(rounded) as [number, number],
    rounds: values.length,
    at: at.toISOString(),
  }
}

function ratiosOf(values: readonly number[], others: readonly number[]): number[] {
  if (others.length !== 1 && others.length !== values.length) {
    throw new Error(`${values.length} rounds beside ${others.length}`)
  }
  return values.map((value, i) => value / (others[others.length === 1 ? 0 : i] ?? Number.NaN))
}

function isMet(value: number, { is, bound }: Goal): boolean {
  return is === 'at least' ? value >= bound : value <= bound
}

/** Four digits are more than these measurements are good for. */
export const rounded = (value: number) => Number(value.toPrecision(4))
