/*
 * What is run three ways: a machine and what happens to it. The plain actor is the reference; the durable runs must show
 * the same after each step.
 */
import { inspect } from 'node:util'
import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from 'xstate'

/** An event that is sent, or a number: so many milliseconds pass. */
export type Step = ({ readonly type: string } & Record<string, unknown>) | number

export interface Case {
  readonly machine: AnyStateMachine
  readonly input?: unknown
  readonly steps: readonly Step[]
}

export interface Texts {
  /** Key order, `undefined`, -0 and the classes of objects show in it. */
  readonly exact: string
  /** The same, had the values gone through JSON. */
  readonly asJson: string
  /** Where it is a snapshot's: its state. */
  readonly value?: StateValue
}

/** What can be seen after a step. The first one is the start. */
export interface Seen {
  readonly snapshot: Texts
  /** Emitted in this step, in order. */
  readonly emitted: readonly Texts[]
  /** Why the event, or the start, failed. */
  readonly failure?: string
}

/** Text that shows whatever a program could tell apart, the order of keys included. */
export const textOf = (value: unknown) =>
  inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: 100, compact: 2 })

/**
 * Everything of a snapshot but its children, which no durable machine has. Tags and history are sets of XState’s: their order
 * decides nothing.
 */
export function textsOf(snapshot: AnyMachineSnapshot): Texts {
  const { value, context, status, output, error, tags, historyValue } = snapshot
  const history = Object.fromEntries(
    Object.entries(historyValue as Record<string, { id: string }[]>).map(([id, nodes]) => [
      id,
      nodes.map(node => node.id).sort(),
    ]),
  )
  const rest = { status, value, error, tags: [...tags].sort(), history, meta: snapshot.getMeta() }
  return {
    value,
    exact: textOf({ ...rest, context, output }),
    asJson: textOf({ ...rest, context: throughJson(context), output: throughJson(output) }),
  }
}

function throughJson(value: unknown): unknown {
  if (value === undefined) return undefined
  try {
    return JSON.parse(JSON.stringify(value))
  } catch {
    return 'not JSON'
  }
}

/** `audience` is kept apart from the rest when it is stored. */
export function textsOfEmitted({ type, audience, ...rest }: Record<string, unknown>): Texts {
  const event = { type, audience: audience ?? [], ...rest }
  return { exact: textOf(event), asJson: textOf(throughJson(event)) }
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
