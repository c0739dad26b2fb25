/*
 * One line of the benchmark: the measured values of all rounds, what they are compared with, and whether the goal is met.
 * A goal is about the ratio if there is one, unless it says otherwise.
 */
import { median, spread } from '../measure.js'

export interface Goal {
  readonly of: 'ratio' | 'value'
  readonly is: 'at least' | 'at most'
  readonly bound: number
}

export interface Measured {
  /** The part and a measurement of it, such as `B1.64`. */
  readonly key: string
  readonly what: string
  readonly unit: string
  /** One value for each round. */
  readonly values: readonly number[]
  /** The compared values, of the same rounds. A single value is compared with all rounds. */
  readonly beside?: { readonly what: string; readonly values: readonly number[] }
  readonly goal?: Goal
}

/** A figure as results.json stores it. */
export interface Figure {
  readonly what: string
  /** The median of the rounds. */
  readonly value: number
  readonly unit: string
  /** `value` divided by `beside.value`, as the median of the ratios of the rounds. */
  readonly ratio: number | null
  readonly beside: { readonly what: string; readonly value: number } | null
  /** The goal in words, about the ratio or the value: `ratio at least 1.5`. */
  readonly goal: string | null
  readonly met: boolean | null
  /** The extremes of the rounds: of the values if the goal is about them or there is no ratio, else of the ratios. */
  readonly spread: readonly [min: number, max: number]
  readonly rounds: number
  /** When it was measured, because parts may be measured one by one. */
  readonly at: string
}

export const atLeast = (bound: number, of: Goal['of'] = 'ratio'): Goal => ({ of, is: 'at least', bound })
export const atMost = (bound: number, of: Goal['of'] = 'value'): Goal => ({ of, is: 'at most', bound })

export const inWords = ({ of, is, bound }: Goal) => `${of} ${is} ${bound}`

/** Throws if there is no round, or if the numbers of rounds differ. */
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

/** These measurements are not exact enough for more than four digits. */
export const rounded = (value: number) => Number(value.toPrecision(4))
