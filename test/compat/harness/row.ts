/* A row of the compatibility table: a machine, what happens to it, and what must come of it. */
import type { AnyStateMachine } from 'xstate'
import type { Step } from './case.js'

export type Verdict =
  /** The durable machine does what a plain actor does. */
  | 'same'
  /** It does the same, with what JSON makes of the values. */
  | 'as JSON'
  /** It is refused, in words that contain these, at registration or when it starts or gets the event. */
  | { readonly refused: 'registration' | 'start' | 'event'; readonly says: string }

export interface Row {
  readonly feature: string
  readonly machine: () => AnyStateMachine
  readonly input?: unknown
  readonly steps: readonly Step[]
  readonly verdict: Verdict
}

export interface Chapter {
  readonly title: string
  readonly rows: readonly Row[]
}
