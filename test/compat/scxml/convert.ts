/*
 * SCXML as a machine of XState. Transitions of a state all hang on `*`, each with its descriptors as a guard, because SCXML
 * takes the first in document order and XState the one whose descriptor is longest. What is sent without a delay is a
 * delayed event of 0 ms: SCXML has a queue for it that comes after the one of raised events.
 */
import { type AnyStateMachine, and, createMachine } from 'xstate'
import {
  conditionOf,
  escaped,
  type GuardGiven,
  isMeant,
  nameOf,
  systemVariables,
  unescaped,
} from './conditions.js'
import { blockOf, type Declarations, dataBlock, payloadOf } from './content.js'
import { copyOf, type Scope } from './data-model.js'
import { NotConverted } from './refusal.js'
import { type Element, parseXml } from './xml.js'

const STATES = ['state', 'parallel', 'final', 'history']
/** The name of the machine, which no state of a document has. */
const ROOT = 'scxml$'
/** Of a state of our own: see `#initialOf`. */
const BEGINNING = 'beginning$'

/** Throws `NotConverted` for unknown elements. */
export function toMachine(source: string): AnyStateMachine {
  const root = parseXml(source)
  const everything = walk(root)
  if (everything.some(({ name }) => name === 'invoke')) throw new NotConverted('uses <invoke>')
  if (root.attributes.binding === 'late') throw new NotConverted('binds its data late')
  const data = everything.filter(({ name }) => name === 'data')
  const declarations: Declarations = {
    declared: new Set(data.map(({ attributes }) => attributes.id ?? '')),
    name: root.attributes.name ?? '',
  }
  const scripts = root.children.filter(({ name }) => name === 'script')
  const config = new Converter(declarations).stateOf(root, ROOT)
  return createMachine({
    ...config,
    context: {},
    entry: [...dataBlock(data, scripts, declarations), ...((config.entry ?? []) as never[])],
  } as never)
}

const walk = (element: Element): Element[] => [element, ...element.children.flatMap(walk)]

type Config = Readonly<Record<string, unknown>>

class Converter {
  readonly #declarations: Declarations
  #anonymous = 0

  constructor(declarations: Declarations) {
    this.#declarations = declarations
  }

  stateOf(element: Element, key: string): Config {
    const { name, attributes, children } = element
    if (name === 'history') return this.#historyOf(element, key)
    const states = new Map(
      children
        .filter(child => STATES.includes(child.name))
        .map(child => [escaped(child.attributes.id ?? `anonymous-${++this.#anonymous}`), child]),
    )
    const transitions = children.filter(child => child.name === 'transition')
    const [always, on] = [
      transitions.filter(({ attributes: { event } }) => event === undefined),
      transitions.filter(({ attributes: { event } }) => event !== undefined),
    ]
    const blocks = (of: string) =>
      children.filter(child => child.name === of).map(child => blockOf(child.children, this.#declarations))
    const begin =
      name !== 'parallel' && states.size > 0
        ? this.#initialOf(element, attributes, [...states.keys()])
        : undefined
    return {
      id: key,
      ...(name === 'parallel' ? { type: 'parallel' } : {}),
      ...(name === 'final' ? { type: 'final' } : {}),
      ...(begin === undefined ? {} : { initial: begin.initial }),
      ...(states.size > 0
        ? {
            states: {
              ...Object.fromEntries([...states].map(([id, child]) => [id, this.stateOf(child, id)])),
              ...begin?.states,
            },
          }
        : {}),
      entry: blocks('onentry'),
      exit: blocks('onexit'),
      ...(always.length > 0 ? { always: always.map(one => this.#transitionOf(one, element)) } : {}),
      ...(on.length > 0 ? { on: { '*': on.map(one => this.#transitionOf(one, element)) } } : {}),
      ...(name === 'final' ? this.#outputOf(children) : {}),
    }
  }

  #historyOf({ attributes, children }: Element, key: string): Config {
    const [transition] = children.filter(({ name }) => name === 'transition')
    if ((transition?.children.length ?? 0) > 0)
      throw new NotConverted('has executable content in a <history>')
    const targets = targetsOf(transition?.attributes.target)
    if (targets !== undefined && targets.length > 1)
      throw new NotConverted('has a <history> with several targets')
    return {
      id: key,
      type: 'history',
      history: attributes.type === 'deep' ? 'deep' : 'shallow',
      ...(targets === undefined ? {} : { target: targets[0] }),
    }
  }

  /**
   * XState begins in a child. Where a document says otherwise, in a child of our own, which is left at once for the states
   * that are meant.
   */
  #initialOf(
    { children }: Element,
    { initial }: Element['attributes'],
    keys: readonly string[],
  ): { readonly initial: Config; readonly states: Config } {
    const [transition] = children.filter(({ name }) => name === 'initial').flatMap(one => one.children)
    const target = initial ?? transition?.attributes.target ?? unescaped(keys[0] ?? '')
    const actions = transition === undefined ? [] : [blockOf(transition.children, this.#declarations)]
    if (keys.includes(escaped(target))) return { initial: { target: escaped(target), actions }, states: {} }
    return {
      initial: { target: BEGINNING, actions },
      states: { [BEGINNING]: { always: { target: targetsOf(target) } } },
    }
  }

  #transitionOf({ attributes, children }: Element, source: Element): Config {
    const { event, cond, target, type } = attributes
    const guards = [
      ...(event === undefined ? [] : [(given: GuardGiven) => isMeant(event, nameOf(given.event))]),
      ...(cond === undefined ? [] : [conditionOf(cond).guard(given => this.#scopeOf(given))]),
    ]
    const targets = targetsOf(target)
    return {
      ...(guards.length === 0 ? {} : { guard: guards.length === 1 ? guards[0] : and(guards as never) }),
      ...(targets === undefined
        ? {}
        : { target: targets, reenter: type !== 'internal' || !isInside(targets, source) }),
      ...(children.length === 0 ? {} : { actions: blockOf(children, this.#declarations) }),
    }
  }

  #outputOf(children: readonly Element[]): Config {
    const [given] = children.filter(({ name }) => name === 'donedata')
    if (given === undefined) return {}
    return { output: (args: GuardGiven) => payloadOf(given, this.#scopeOf(args)) }
  }

  #scopeOf({ context, event }: GuardGiven): Scope {
    const { declared, name } = this.#declarations
    return { data: copyOf(context), declared, system: systemVariables(event, name) }
  }
}

/** Only then is a transition internal. */
const isInside = (targets: readonly string[], source: Element) =>
  source.name === 'state' &&
  targets.every(target =>
    source.children.some(child =>
      walk(child).some(({ attributes: { id } }) => id !== undefined && target === `#${escaped(id)}`),
    ),
  )

const targetsOf = (target: string | undefined) =>
  target === undefined
    ? undefined
    : target
        .trim()
        .split(/\s+/)
        .map(id => `#${escaped(id)}`)
