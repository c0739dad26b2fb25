/* State nodes that XState keeps and does not declare. */
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate'

/** The state nodes of a machine by their ids. */
export function nodesById(machine: AnyStateMachine): ReadonlyMap<string, AnyStateNode> {
  return (machine as unknown as { readonly idMap: ReadonlyMap<string, AnyStateNode> }).idMap
}

/** The state nodes that are active in a snapshot, those with active children included. */
export function activeNodes(snapshot: AnyMachineSnapshot): readonly AnyStateNode[] {
  return (snapshot as unknown as { readonly _nodes: readonly AnyStateNode[] })._nodes
}
