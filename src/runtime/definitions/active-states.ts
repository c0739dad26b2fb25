/*
 * XState can end a transition in a set of states that no machine may be in, for example one that targets the history of a
 * state which is active. Restoring fills such a set in, so a restart would change it in silence.
 */
import type { AnyMachineSnapshot, AnyStateNode } from 'xstate'
import { DefinitionError } from '../errors.js'

/** Throws `DefinitionError` unless each active state has the active children that it must have. */
export function assertActiveStates(snapshot: AnyMachineSnapshot): void {
  const nodes = (snapshot as unknown as { readonly _nodes: readonly AnyStateNode[] })._nodes
  const all = new Set(nodes)
  const active = new Map<AnyStateNode | undefined, number>()
  for (const { parent } of nodes) active.set(parent, (active.get(parent) ?? 0) + 1)
  for (const node of nodes) {
    if (node.parent !== undefined && !all.has(node.parent)) {
      throw new DefinitionError(`it would leave "#${node.id}" active without its parent; ${CONSEQUENCE}`)
    }
    const count = active.get(node) ?? 0
    if (node.type === 'compound' && count !== 1) refuse(node, count, 'one of its states')
    if (node.type === 'parallel' && count !== regionsOf(node)) refuse(node, count, 'all of its regions')
  }
}

/** Throws `DefinitionError` for a recorded history that names no state. */
export function assertHistory(historyValue: Readonly<Record<string, readonly unknown[]>>): void {
  for (const id in historyValue) {
    if (historyValue[id]?.length !== 0) continue
    throw new DefinitionError(`the history "${id}" would be recorded while no state of its parent is active`)
  }
}

const CONSEQUENCE = 'a restart could not repeat that. A transition to the history of an active state does so'

const regions = new WeakMap<AnyStateNode, number>()

function regionsOf(node: AnyStateNode): number {
  const known = regions.get(node)
  if (known !== undefined) return known
  const count = Object.values(node.states).filter(({ type }) => type !== 'history').length
  regions.set(node, count)
  return count
}

function refuse({ id }: AnyStateNode, count: number, expected: string): never {
  throw new DefinitionError(
    `it would leave "#${id}" active with ${count} of its states active, where ${expected} must be; ${CONSEQUENCE}`,
  )
}
