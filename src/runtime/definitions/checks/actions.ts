/* Actions: those that leave something durable behind, or nothing, pass. Any other would be lost. */
import type { AnyStateMachine } from 'xstate'
import { checkDelay } from './delays.js'
import { enqueuedNames } from './enqueued-names.js'
import { at, isObject, type Report, shown } from './fault.js'
import { checkGuard } from './guards.js'
import { complaintAboutAudience } from './moved.js'

const DURABLE_ACTIONS = new Set([
  'xstate.assign',
  'xstate.raise',
  'xstate.cancel',
  'xstate.emit',
  'xstate.enqueueActions', // the step judges what it enqueues
])

const INSTEAD = 'only assign, raise, cancel, emit and enqueueActions can be made durable'

/** An action as XState's creators make it: a function with its parameters as properties. */
type BuiltIn = Readonly<Record<string, unknown>>
type Actions = Readonly<Record<string, unknown>>

export function checkAction(action: unknown, path: string, machine: AnyStateMachine, report: Report): void {
  if (typeof action === 'function') {
    checkKind(action, undefined, path, report)
    checkParts(action, path, machine, report)
    return
  }
  const name = typeof action === 'string' ? action : isObject(action) ? action.type : undefined
  if (typeof name === 'string') checkName(name, path, machine, report)
  else report(path, `expected an action: a function or a name, got ${shown(action)}`)
}

/** The actions given to `setup`. Whether one would be lost is reported where it is used. */
export function checkNamedActions(machine: AnyStateMachine, path: string, report: Report): void {
  for (const [name, action] of Object.entries(machine.implementations.actions)) {
    if (typeof action === 'function') checkParts(action, at(path, name), machine, report)
    else if (action !== undefined) report(at(path, name), `expected a function, got ${shown(action)}`)
  }
}

function checkName(name: string, path: string, machine: AnyStateMachine, report: Report): void {
  const actions = machine.implementations.actions as unknown as Actions
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) {
    report(path, `the action ${shown(name)} is not implemented: pass it to setup({ actions })`)
  } else checkKind(action, name, path, report)
}

function checkKind(action: unknown, name: string | undefined, path: string, report: Report): void {
  const { type, name: ownName } = action as { readonly type?: unknown; readonly name?: string }
  if (typeof type === 'string' && DURABLE_ACTIONS.has(type)) return
  const isBuiltIn = typeof type === 'string' && type.startsWith('xstate.')
  const called = isBuiltIn ? type : (name ?? (ownName === '' ? 'a function' : ownName))
  const advice = isBuiltIn ? INSTEAD : `${INSTEAD}; let a subscriber of an emitted event do the work`
  report(path, `the action ${shown(called)} would be lost: ${advice}`)
}

function checkParts(action: unknown, path: string, machine: AnyStateMachine, report: Report): void {
  const builtIn = action as BuiltIn
  const delays = machine.implementations.delays as unknown as Readonly<Record<string, unknown>>
  switch (builtIn.type) {
    case 'xstate.raise':
      checkEvent(builtIn.event, at(path, 'event'), report)
      checkDelay(builtIn.delay, at(path, 'delay'), delays, report)
      break
    case 'xstate.sendTo':
      checkDelay(builtIn.delay, at(path, 'delay'), delays, report)
      break
    case 'xstate.emit':
      checkEvent(builtIn.event, at(path, 'event'), report)
      checkAudience(builtIn.event, at(path, 'event'), report)
      break
    case 'xstate.spawnChild':
      checkActor(builtIn.src, at(path, 'src'), machine, report)
      break
    case 'xstate.enqueueActions': {
      const names = enqueuedNames(builtIn.collect)
      for (const name of names.actions) checkName(name, at(path, 'enqueue'), machine, report)
      for (const name of names.guards) checkGuard(name, at(path, 'check'), machine, report)
    }
  }
}

export function checkActor(source: unknown, path: string, machine: AnyStateMachine, report: Report): void {
  if (typeof source !== 'string' || Object.hasOwn(machine.implementations.actors, source)) return
  report(path, `the actor ${shown(source)} is not implemented: pass it to setup({ actors })`)
}

function checkEvent(event: unknown, path: string, report: Report): void {
  if (typeof event === 'function' || (isObject(event) && typeof event.type === 'string')) return
  const instead = typeof event === 'string' ? `{ type: ${shown(event)} }` : 'an object with a string "type"'
  report(path, `expected ${instead}, got ${shown(event)}`)
}

function checkAudience(event: unknown, path: string, report: Report): void {
  if (!isObject(event)) return
  const found = complaintAboutAudience(event.audience)
  if (found !== undefined) report(`${at(path, 'audience')}${found.path}`, found.message)
}
