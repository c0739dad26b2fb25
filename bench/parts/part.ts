/* The input and the output of a part of the benchmark. */
import type { Measured } from '../report/figure.js'
import type { Point } from '../report/results.js'
import type { World } from '../world.js'

export interface Context {
  readonly world: World
  readonly size: Size
  /** Reports the current step. A part calls it as often as its `steps` says. */
  step(what: string): void
}

/** The amount of work. `--quick` does a tenth of it, once. */
export interface Size {
  readonly isQuick: boolean
  readonly rounds: number
  /** The factor for the work of the limit itself. */
  readonly limitScale: number
  /** The share of `count` to do, at least one. */
  of(count: number): number
}

export const FULL: Size = { isQuick: false, rounds: 3, limitScale: 1, of: count => count }
export const QUICK: Size = {
  isQuick: true,
  rounds: 1,
  limitScale: 0.1,
  of: count => Math.max(1, Math.round(count / 10)),
}

export interface Part {
  readonly id: string
  readonly title: string
  steps(size: Size): number
  run(context: Context): Promise<Outcome>
}

export interface Outcome {
  readonly measured: readonly Measured[]
  /** The points of the plot. */
  readonly curve?: readonly Point[]
  /** Facts about this run that a reader of the figures must know. */
  readonly notes?: readonly string[]
}
