/*
 * Guards. `and`, `or` and `not` are functions that carry the guards they combine, which may be names again; so may the
 * guards given to `setup`. XState looks a name up when it evaluates the guard.
 */
import type { AnyStateMachine } from 'xstate'
import { at, isObject, type Report, shown } from './fault.js'

type Guards = Readonly<Record<string, unknown>>

/** A guard as `and`, `or`, `not` and `stateIn` make it. */
interface BuiltIn {
  readonly name: string
  readonly guards?: readonly unknown[]
  readonly stateValue?: unknown
}

export function checkGuard(guard: unknown, path: string, machine: AnyStateMachine, report: Report): void {
  if (guard === undefined) return
  if (typeof guard === 'function') {
    checkParts(guard as unknown as BuiltIn, path, machine, report)
    return
  }
  const name = nameOf(guard)
  const { guards } = machine.implementations
  if (name === undefined) report(path, `expected a guard: a function or a name, got ${shown(guard)}`)
  else if (!isNamed(guards, name)) {
    report(path, `the guard ${shown(name)} is not implemented: pass it to setup({ guards })`)
  }
}

/** The guards given to `setup`, where they are made of others. */
export function checkNamedGuards(machine: AnyStateMachine, path: string, report: Report): void {
  const { guards } = machine.implementations as unknown as { guards: Guards }
  for (const [name, guard] of Object.entries(guards)) {
    checkGuard(guard, at(path, name), machine, report)
    const cycle = cycleFrom(name, guards)
    if (cycle !== undefined) report(at(path, name), `is made of itself: ${cycle.map(shown).join(' → ')}`)
  }
}

function checkParts(guard: BuiltIn, path: string, machine: AnyStateMachine, report: Report): void {
  for (const [i, part] of (guard.guards ?? []).entries()) {
    const inside = at(path, guard.name)
    const partPath = guard.name === 'not' ? inside : at(inside, i)
    if (part === undefined) report(partPath, 'expected a guard: a function or a name, got undefined')
    else checkGuard(part, partPath, machine, report)
  }
  const { stateValue } = guard
  if (typeof stateValue === 'string' && stateValue.startsWith('#') && !hasState(machine, stateValue)) {
    report(at(path, 'stateIn'), `no state has the id ${shown(stateValue)}`)
  }
}

function hasState(machine: AnyStateMachine, id: string): boolean {
  try {
    return machine.getStateNodeById(id) !== undefined
  } catch {
    return false
  }
}

/** The names that lead from a named guard back to itself. Evaluating it would never end. */
function cycleFrom(start: string, guards: Guards): readonly string[] | undefined {
  const seen = new Set<string>()
  const search = (name: string, way: readonly string[]): readonly string[] | undefined => {
    for (const next of namesIn(guards[name])) {
      if (next === start) return [...way, next]
      if (seen.has(next)) continue
      seen.add(next)
      const found = search(next, [...way, next])
      if (found !== undefined) return found
    }
    return undefined
  }
  return search(start, [start])
}

function namesIn(guard: unknown): readonly string[] {
  if (typeof guard === 'function') return ((guard as unknown as BuiltIn).guards ?? []).flatMap(namesIn)
  const name = nameOf(guard)
  return name === undefined ? [] : [name]
}

function nameOf(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference
  return isObject(reference) && typeof reference.type === 'string' ? reference.type : undefined
}

function isNamed(guards: object, name: string): boolean {
  return Object.hasOwn(guards, name) && (guards as Guards)[name] !== undefined
}
