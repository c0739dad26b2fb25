/*
 * History: which states the history nodes of a machine remember, each by the id of the history node. In memory XState holds
 * state nodes, stored it holds their ids. A migration carries it to the new machine, where states may have other ids.
 */
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate'
import { at, isObject, shown } from './checks/fault.js'
import { nodesById } from './state-nodes.js'

/** As XState's `getPersistedSnapshot` writes it: id of the history node → the states that it remembers. */
export type StoredHistory = Readonly<Record<string, readonly { readonly id: string }[]>>

/**
 * A stored snapshot whose history has nodes in place of ids. XState would split an id at its dots, and so lose the history
 * of a machine called `a.b`.
 */
export function withHistoryNodes<T extends Pick<AnyMachineSnapshot, 'historyValue'>>(
  machine: AnyStateMachine,
  stored: T,
): T {
  const history: unknown = stored.historyValue
  if (!isObject(history) || Object.keys(history).length === 0) return stored
  const historyValue: Record<string, unknown> = {}
  for (const [id, states] of Object.entries(history)) {
    historyValue[id] = Array.isArray(states)
      ? states.map(state => nodesById(machine).get(state.id) ?? state)
      : states
  }
  return { ...stored, historyValue }
}

/**
 * What the new machine can keep of the old one's history: a state with an id of its own is found by that, any other by its
 * path. What is no longer there is left out; if nothing is left, the default of the history node applies.
 */
export function carriedHistory(
  from: AnyStateMachine,
  to: AnyStateMachine,
  history: StoredHistory,
): StoredHistory {
  const carried: Record<string, readonly { readonly id: string }[]> = {}
  for (const [id, states] of Object.entries(history)) {
    const node = counterpart(from, to, id)
    if (node?.type !== 'history') continue
    const kept = states
      .map(state => counterpart(from, to, state.id))
      .flatMap(state => (state === undefined ? [] : (rememberedBy(node, state) ?? [])))
    const distinct = [...new Set(kept)]
    if (distinct.length === 0 || conflictIn(distinct) !== undefined) continue
    carried[node.id] = distinct.map(state => ({ id: state.id }))
  }
  return carried
}

/** What is wrong with the history that a migration gave: where, and what was expected. */
export function complaintAboutHistory(
  machine: AnyStateMachine,
  history: unknown,
): { readonly path: string; readonly message: string } | undefined {
  const root = 'historyValue'
  if (!isObject(history)) return { path: root, message: `expected an object, got ${shown(history)}` }
  for (const [id, states] of Object.entries(history)) {
    const path = at(root, id)
    const node = nodesById(machine).get(id)
    if (node?.type !== 'history')
      return { path, message: `${expectedHistoryNode(machine)}; got ${shown(id)}` }
    if (!Array.isArray(states) || states.length === 0) {
      const expected = 'expected an array of states, each { id }; leave the entry out for the default'
      return { path, message: `${expected}; got ${Array.isArray(states) ? 'an empty one' : shown(states)}` }
    }
    const nodes: AnyStateNode[] = []
    for (const [i, state] of states.entries()) {
      const stateId = isObject(state) ? state.id : undefined
      const known = typeof stateId === 'string' ? nodesById(machine).get(stateId) : undefined
      if (known === undefined || rememberedBy(node, known) !== known) {
        const place = node.history === 'deep' ? 'a state within' : 'a child of'
        const message = `expected the id of ${place} ${shown(node.parent?.id)}, got ${shown(stateId ?? state)}`
        return { path: at(at(path, i), 'id'), message }
      }
      nodes.push(known)
    }
    const conflict = conflictIn(nodes)
    if (conflict !== undefined) {
      return { path, message: `expected states that can be active together; ${conflict} cannot` }
    }
  }
  return undefined
}

function expectedHistoryNode(machine: AnyStateMachine): string {
  const ids = [...nodesById(machine).values()]
    .filter(({ type }) => type === 'history')
    .map(({ id }) => shown(id))
  return ids.length === 0 ? 'the machine has no history state' : `expected a history state: ${ids.join(', ')}`
}

/** The same state in another machine. */
function counterpart(from: AnyStateMachine, to: AnyStateMachine, id: string): AnyStateNode | undefined {
  const node = nodesById(from).get(id)
  if (node === undefined) return undefined
  const hasOwnId = (node.config as { readonly id?: string }).id !== undefined && node.parent !== undefined
  const named = hasOwnId ? nodesById(to).get(id) : undefined
  return named ?? node.path.reduce<AnyStateNode | undefined>((parent, key) => parent?.states[key], to.root)
}

/** What a history node remembers when `state` is active: itself if it is deep, else the ancestor beside the node. */
function rememberedBy(historyNode: AnyStateNode, state: AnyStateNode): AnyStateNode | undefined {
  if (state.type === 'history') return undefined
  for (let marker: AnyStateNode | undefined = state; marker !== undefined; marker = marker.parent) {
    if (marker.parent !== historyNode.parent) continue
    return historyNode.history === 'deep' ? state : marker
  }
  return undefined
}

/** Two states of which at most one can be active. */
function conflictIn(states: readonly AnyStateNode[]): string | undefined {
  for (const [i, one] of states.entries()) {
    for (const other of states.slice(i + 1)) {
      if (!canBothBeActive(one, other)) return `${shown(one.id)} and ${shown(other.id)}`
    }
  }
  return undefined
}

function canBothBeActive(one: AnyStateNode, other: AnyStateNode): boolean {
  const [a, b] = [lineOf(one), lineOf(other)]
  const parting = a.findIndex((node, depth) => node !== b[depth])
  // One lies within the other, or they part in a parallel state.
  return parting === -1 || b[parting] === undefined || a[parting - 1]?.type === 'parallel'
}

/** From the root down to the state. */
function lineOf(state: AnyStateNode): readonly AnyStateNode[] {
  const line: AnyStateNode[] = []
  for (let node: AnyStateNode | undefined = state; node !== undefined; node = node.parent) line.unshift(node)
  return line
}
