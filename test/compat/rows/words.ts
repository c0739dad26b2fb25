/*
 * XState's actions with loose types: the rows send any event to any machine, which XState's own types would have each row
 * spell out. The results are typed `never`, which every machine takes.
 */
import { type AnyActorLogic, type AnyEventObject, assign, emit, type MachineContext, raise } from 'xstate'

export interface Given {
  readonly context: MachineContext
  readonly event: AnyEventObject
}

interface Timing {
  readonly delay?: number | string | ((given: Given) => number | undefined)
  readonly id?: string | ((given: Given) => string)
}

export const say = (type: string): never => emit({ type }) as never

export const emitting = (make: (given: Given) => AnyEventObject): never => emit(make as never) as never

export const raising = (event: AnyEventObject | ((given: Given) => AnyEventObject), timing?: Timing): never =>
  raise(event as never, timing as never) as never

export const assigning = (make: (given: Given) => Record<string, unknown>): never =>
  assign(make as never) as never

interface Birth {
  readonly input: unknown
  readonly spawn: (logic: AnyActorLogic, options?: object) => unknown
}

/** A context factory. */
export const born = (make: (birth: Birth) => MachineContext): (() => MachineContext) =>
  make as unknown as () => MachineContext

/** Appends a word to `context.log`. */
export const note = (word: string | ((given: Given) => string)): never =>
  assigning(given => ({ log: given.context.log + (typeof word === 'string' ? word : word(given)) }))

export const go = { type: 'go' } as const
