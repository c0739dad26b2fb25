/* What a part of the benchmark is given, and what it gives. */
import type { Measured } from '../report/figure.js'
import type { Point } from '../report/results.js'
import type { World } from '../world.js'

export interface Context {
  readonly world: World
  readonly size: Size
  /** Says what is being done now. A part says it as often as its `steps` announce. */
  step(what: string): void
}

/** How much is done: `--quick` does a tenth, once. */
export interface Size {
  readonly isQuick: boolean
  readonly rounds: number
  /** Of the limit's own work. */
  readonly limitScale: number
  /** So many of `count`, at least one. */
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
  /** For the plot. */
  readonly curve?: readonly Point[]
  /** What somebody who reads the figures must know of this run. */
  readonly notes?: readonly string[]
}
