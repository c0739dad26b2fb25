/*
 * The machine of a definition: all that it names is there, and nothing of it would be lost. Paths are those of the object
 * given to `createMachine`.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { nodesById } from '../state-nodes.js'
import { checkAction, checkActor, checkNamedActions } from './actions.js'
import { checkAfter, checkNamedDelays } from './delays.js'
import { at, each, isObject, type Report, shown } from './fault.js'
import { checkGuard, checkNamedGuards } from './guards.js'
import { complaintAboutKey } from './text.js'

const INVOKED = 'invoked actors cannot be made durable: emit an event, and let its subscriber send a command'

export function isMachine(value: unknown): value is AnyStateMachine {
  return (
    isObject(value) && value.__xstatenode === true && isObject(value.root) && isObject(value.implementations)
  )
}

export function checkMachine(machine: AnyStateMachine, report: Report): void {
  checkNamedActions(machine, 'actions', report)
  checkNamedGuards(machine, 'guards', report)
  checkNamedDelays(machine.implementations.delays as Readonly<Record<string, unknown>>, 'delays', report)
  checkNode(machine.root, '', report)
}

function checkNode(node: AnyStateNode, path: string, report: Report): void {
  const { machine } = node
  const config = node.config as Readonly<Record<string, unknown>>
  checkId(node, path, report)
  const actions = (value: unknown, place: string) => {
    for (const [action, where] of each(value, place)) checkAction(action, where, machine, report)
  }
  const transitions = (value: unknown, place: string) => {
    for (const [transition, where] of each(value, place)) {
      if (!isObject(transition)) continue // a target, which XState has looked for
      checkGuard(transition.guard, at(where, 'guard'), machine, report)
      actions(transition.actions, at(where, 'actions'))
    }
  }
  const transitionsByKey = (value: unknown, place: string) => {
    for (const [key, one] of Object.entries(isObject(value) ? value : {})) transitions(one, at(place, key))
  }

  actions(config.entry, at(path, 'entry'))
  actions(config.exit, at(path, 'exit'))
  transitionsByKey(config.on, at(path, 'on'))
  transitionsByKey(config.after, at(path, 'after'))
  for (const delay of Object.keys(isObject(config.after) ? config.after : {})) {
    const { delays } = machine.implementations
    checkAfter(delay, at(at(path, 'after'), delay), delays as Readonly<Record<string, unknown>>, report)
  }
  for (const key of ['always', 'onDone', 'initial', 'route']) transitions(config[key], at(path, key))
  for (const [invoked, where] of each(config.invoke, at(path, 'invoke'))) {
    report(where, INVOKED)
    if (!isObject(invoked)) continue
    checkActor(invoked.src, at(where, 'src'), machine, report)
    for (const key of ['onDone', 'onError', 'onSnapshot']) transitions(invoked[key], at(where, key))
  }
  for (const child of Object.values(node.states)) checkNode(child, at(at(path, 'states'), child.key), report)
}

/** Stored history and timers name a state by its id. */
function checkId(node: AnyStateNode, path: string, report: Report): void {
  const { id, machine } = node
  const complaint = complaintAboutKey(id)
  if (complaint !== undefined) report(at(path, 'id'), complaint)
  if (nodesById(machine).get(id) !== node) {
    report(at(path, 'id'), `two states have the id ${shown(id)}: give one of them an "id" of its own`)
  }
}
