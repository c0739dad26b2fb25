import type { AnyStateMachine, AnyStateNode } from 'xstate'

/** The state nodes of a machine by their ids. XState keeps them, and does not declare that it does. */
export function nodesById(machine: AnyStateMachine): ReadonlyMap<string, AnyStateNode> {
  return (machine as unknown as { readonly idMap: ReadonlyMap<string, AnyStateNode> }).idMap
}
