/*
 * The engine's own copy of a machine, with checks that XState does not make. XState handles a delayed raise at once if its
 * delay is no number, and follows cycles of transitions without end.
 */
import { type AnyStateMachine, type AnyStateNode, raise } from 'xstate'
import { DefinitionError } from '../errors.js'

/** A tenth of a second at most, for which the whole process waits. A machine that needs more sets `options.maxIterations` itself. */
export const MAX_MICROSTEPS = 1_000

/** Actions, delays and the like are functions with properties, or names. */
type Piece = unknown
type Expression = (...args: unknown[]) => unknown
interface BuiltIn {
  readonly type: string
  readonly delay?: unknown
  readonly collect?: Expression
}

/** The same machine with its own node tree; the given one is left as it is. */
export function durableMachine(machine: AnyStateMachine): AnyStateMachine {
  const own = machine.provide({})
  if (!Number.isFinite(own.options.maxIterations)) own.options.maxIterations = MAX_MICROSTEPS
  const { actions, delays } = own.implementations as unknown as Record<
    'actions' | 'delays',
    Record<string, Piece>
  >
  for (const [name, action] of Object.entries(actions)) actions[name] = checkedAction(action)
  own.implementations.delays = checkedDelays(delays) as typeof own.implementations.delays
  checkNode(own.root)
  return own
}

interface WithActions {
  actions: readonly Piece[]
}

function checkNode(node: AnyStateNode): void {
  const checked = (list: readonly Piece[]) => list.map(checkedAction) as never
  node.entry = checked(node.entry)
  node.exit = checked(node.exit)
  const transitions = [...node.transitions.values()].flat().concat(node.always ?? [], node.initial ?? [])
  for (const transition of transitions as WithActions[]) transition.actions = checked(transition.actions)
  for (const child of Object.values(node.states)) checkNode(child)
}

function checkedAction(action: Piece): Piece {
  if (typeof action !== 'function') return action // a name
  const builtIn = action as unknown as BuiltIn
  if (builtIn.type === 'xstate.raise' && typeof builtIn.delay === 'function') {
    return withProperties(action, {
      delay: checkedDelay(builtIn.delay as Expression, 'the delay of a raise'),
    })
  }
  if (builtIn.type === 'xstate.enqueueActions' && builtIn.collect !== undefined) {
    return withProperties(action, { collect: checkedCollect(builtIn.collect) })
  }
  return action
}

type Enqueue = (action: Piece) => void

const makeRaise = raise as unknown as Expression

/** What `enqueueActions` enqueues exists only while it runs. */
function checkedCollect(collect: Expression): Expression {
  return (args, params) => {
    const { enqueue } = args as { readonly enqueue: Enqueue }
    const checked = Object.assign((action: Piece) => enqueue(checkedAction(action)), enqueue, {
      raise: (...given: unknown[]) => enqueue(checkedAction(makeRaise(...given))),
    })
    return collect({ ...(args as object), enqueue: checked }, params)
  }
}

function withProperties(action: object, properties: object): Piece {
  const copy = () => {
    throw new Error('An action is not called by itself')
  }
  return Object.assign(copy, action, properties)
}

/** Named delays; a name that is missing is an error when it is used. */
function checkedDelays(delays: Readonly<Record<string, Piece>>): Record<string, Piece> {
  const checked = Object.fromEntries(
    Object.entries(delays).map(([name, delay]) => [name, checkedDelay(delay, `the delay "${name}"`)]),
  )
  return new Proxy(checked, {
    get(known, name) {
      if (typeof name === 'string' && !Object.hasOwn(known, name)) {
        throw new DefinitionError(`the delay "${name}" has no implementation`)
      }
      return Reflect.get(known, name)
    },
  })
}

function checkedDelay(delay: Piece, what: string): Expression {
  return (...args) => {
    const ms = typeof delay === 'function' ? (delay as Expression)(...args) : delay
    // A time that has passed is due at once, as for XState's own clock.
    if (typeof ms === 'number' && Number.isFinite(ms)) return Math.max(0, ms)
    throw new DefinitionError(`${what} is ${String(ms)}: expected milliseconds, from 0 up`)
  }
}
