/* Conditions: expressions that may ask which states are active, as guards of XState. */
import { type AnyEventObject, and, not, or, stateIn } from 'xstate'
import { evaluate, type Scope } from './data-model.js'

export interface Condition {
  /** For executable content, whose data may be newer than the context. */
  toGuard(scope: Scope): unknown
  /** For transitions. */
  readonly guard: (scopeOf: (given: GuardGiven) => Scope) => unknown
}

export interface GuardGiven {
  readonly context: Record<string, unknown>
  readonly event: AnyEventObject
}

/** XState allows no dots in the names of states: they would separate names. */
export const escaped = (id: string) => id.replaceAll('.', '$')
export const unescaped = (id: string) => id.replaceAll('$', '.')

const IN = /\bIn\s*\(\s*['"]([^'"]+)['"]\s*\)/g

/**
 * A guard of XState sees no states but through `stateIn`. So a condition that asks for states is tried for each
 * combination of answers, of which one is true.
 */
export function conditionOf(expression: string): Condition {
  const ids = [...new Set([...expression.matchAll(IN)].map(match => match[1] ?? ''))]
  const make = (holds: (answers: ReadonlyMap<string, boolean>) => unknown) => {
    if (ids.length === 0) return holds(new Map())
    const combinations = Array.from({ length: 2 ** ids.length }, (_, bits) =>
      ids.map((id, i) => [id, ((bits >> i) & 1) === 1] as const),
    )
    return or(
      combinations.map(answers =>
        and([
          ...answers.map(([id, isIn]) =>
            isIn ? stateIn(`#${escaped(id)}`) : not(stateIn(`#${escaped(id)}`)),
          ),
          holds(new Map(answers)) as () => boolean,
        ]),
      ) as never,
    )
  }
  const isTrue = (scope: Scope, answers: ReadonlyMap<string, boolean>): boolean => {
    const In = (id: string) => answers.get(id) ?? false
    return Boolean(evaluate(expression, { ...scope, system: { ...scope.system, In } }))
  }
  return {
    // An error in executable content ends its block, so it is found before the guard is asked.
    toGuard: scope =>
      make(answers => {
        const answer = isTrue(scope, answers)
        return () => answer
      }),
    // An error in the condition of a transition counts as false.
    guard: scopeOf =>
      make(answers => (given: GuardGiven) => {
        try {
          return isTrue(scopeOf(given), answers)
        } catch {
          return false
        }
      }),
  }
}

/** Whether an event has a name that one of the descriptors, `a.b`, `a.*` or `*`, begins. */
export function isMeant(descriptors: string, name: string): boolean {
  return descriptors.split(/\s+/).some(descriptor => {
    const prefix = descriptor.replace(/\.?\*$/, '').replace(/\.$/, '')
    return descriptor === '*' || name === prefix || name.startsWith(`${prefix}.`)
  })
}

/** What SCXML calls an event of XState's. */
export const nameOf = ({ type }: AnyEventObject) =>
  type.startsWith('xstate.done.state.') ? unescaped(type.slice('xstate.'.length)) : type

const PROCESSOR = 'http://www.w3.org/TR/scxml/#SCXMLEventProcessor'
const location = { location: '#_internal' }

export function systemVariables(event: AnyEventObject, name: string): Record<string, unknown> {
  const type = event.kind ?? (event.type.startsWith('xstate.') ? 'internal' : 'external')
  const origin = type === 'external' ? { origin: '#_scxml_session', origintype: PROCESSOR } : {}
  const fields = { origin: undefined, origintype: undefined, invokeid: undefined, ...origin }
  const { sendid, data, output } = event
  return {
    _event:
      event.type === 'xstate.init'
        ? undefined
        : { name: nameOf(event), type, sendid, data: data ?? output, ...fields },
    _name: name,
    _sessionid: 'session',
    _ioprocessors: { [PROCESSOR]: location, scxml: location },
    _x: {},
  }
}
