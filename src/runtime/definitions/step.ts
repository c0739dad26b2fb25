/*
 * The pure step: what an event makes of a snapshot, and what must be written for it.
 * XState's `transition()` builds an actor for every call; one scope reused for a machine gives the same
 * result in a tenth of the time. Tested against `transition()` and against a running actor.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { StampedEvent } from '../definition.js'
import { DefinitionError } from '../errors.js'
import { assertActiveStates, assertHistory } from './active-states.js'
import { durableMachine } from './durable-machine.js'
import { withHistoryNodes } from './history-value.js'
import { createRecorder, type RecordedAction } from './recorder.js'
import { freezeParsed, storedValue } from './stored-value.js'

/** What the pure step asks for, in order: a later effect on the same timer replaces an earlier one. */
export type Effect =
  | { readonly kind: 'arm'; readonly sendId: string; readonly delayMs: number; readonly event: TimerEvent }
  | { readonly kind: 'disarm'; readonly sendId: string }
  | { readonly kind: 'emit'; readonly event: Emitted }

export type TimerEvent = { readonly type: string } & Record<string, unknown>
export type Emitted = { readonly type: string; readonly audience?: readonly string[] } & Record<
  string,
  unknown
>

export type Step =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'moved'; readonly snapshot: AnyMachineSnapshot; readonly effects: readonly Effect[] }

export interface Stepper {
  /** The first snapshot of a new instance. `input` includes the stamp. */
  begin(input: unknown, uid: string): Extract<Step, { kind: 'moved' }>
  /**
   * Applies `event` to `snapshot`. No clock, no I/O, nothing is executed.
   * `unchanged` when the machine does not handle the event in this state.
   * Throws `DefinitionError` when an action cannot be made durable.
   */
  step(snapshot: AnyMachineSnapshot, event: StampedEvent): Step
  /** A stored snapshot as XState restores it; throws `DefinitionError` when its state no longer exists. */
  restore(persisted: unknown): AnyMachineSnapshot
  /** The snapshot as JSON text. */
  persist(snapshot: AnyMachineSnapshot): string
}

export function createStepper(definition: AnyStateMachine): Stepper {
  const machine = durableMachine(definition)
  const { scope, record } = createRecorder(machine)

  return {
    begin(input, uid) {
      try {
        const [snapshot, actions] = record(undefined, () => machine.getInitialSnapshot(scope, input))
        return moved(undefined, snapshot, actions, uid)
      } catch (error) {
        throw explained(error, machine, 'xstate.init')
      }
    },
    step(before, event) {
      // A running actor has stopped by then.
      if (before.status !== 'active') return { kind: 'unchanged' }
      try {
        const [snapshot, actions] = record(before, () => machine.transition(before, event, scope))
        if (snapshot === before && actions.length === 0) return { kind: 'unchanged' }
        return moved(before, snapshot, actions, event.uid)
      } catch (error) {
        throw explained(error, machine, event.type)
      }
    },
    restore(persisted) {
      // XState would search the context for references to actors, which no stored one has.
      const { context, ...rest } = persisted as AnyMachineSnapshot
      try {
        const stored = withHistoryNodes(machine, { ...rest, context: {} } as AnyMachineSnapshot)
        const snapshot = machine.restoreSnapshot(stored, scope)
        snapshot.context = freezeParsed(context)
        return snapshot
      } catch (cause) {
        throw new DefinitionError(`Machine "${machine.id}" cannot restore a stored snapshot`, cause)
      }
    },
    persist(snapshot) {
      const { status, output, error, value, historyValue, context, children } = snapshot
      if (isEmpty(children) && isEmpty(historyValue)) {
        // The same in half the time: what XState looks for in the context comes with children only.
        return JSON.stringify({ status, output, error, value, historyValue, context, children })
      }
      return JSON.stringify(machine.getPersistedSnapshot(snapshot))
    },
  }
}

function moved(
  before: AnyMachineSnapshot | undefined,
  after: AnyMachineSnapshot,
  actions: readonly RecordedAction[],
  uid: string,
): Extract<Step, { kind: 'moved' }> {
  assertUsable(after)
  if (after.historyValue !== before?.historyValue) assertHistory(after.historyValue)
  const effects = toEffects(actions, uid)
  keepStored(after, before)
  return { kind: 'moved', snapshot: after, effects }
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false
  return true
}

/** Throws `DefinitionError` for a snapshot that a restart could not bring back. */
function assertUsable(snapshot: AnyMachineSnapshot): void {
  if (snapshot.status === 'error') throw snapshot.error
  assertActiveStates(snapshot)
  const [id] = Object.keys(snapshot.children)
  if (id === undefined) return
  const child = snapshot.children[id]
  // The system is shared by all calls: it must forget the actor's system id.
  for (const actor of Object.values(snapshot.children)) if (actor) forget(actor)
  const src = typeof child?.src === 'string' ? `"${child.src}"` : 'an inline actor'
  throw new DefinitionError(`${src} is spawned, and spawned actors cannot be made durable`)
}

function forget(actor: object): void {
  const { system } = actor as { readonly system: { _unregister(actor: object): void } }
  system._unregister(actor)
}

/** From here on the snapshot has the values that a restart would read. */
function keepStored(after: AnyMachineSnapshot, before: AnyMachineSnapshot | undefined): void {
  if (after.context !== before?.context)
    after.context = storedValue(after.context, 'context', before?.context)
  if (after.output !== undefined) after.output = storedValue(after.output, 'output')
}

const CHANGED_IN_PLACE = /read only|not extensible|Cannot (assign|add|delete|define|redefine)/

/** Errors of XState or the language that do not say what to do about them. */
function explained(error: unknown, machine: AnyStateMachine, event: string): unknown {
  const where = `Machine "${machine.id}" on "${event}"`
  const message = error instanceof Error ? error.message : String(error)
  if (message.startsWith('Infinite loop')) {
    return new DefinitionError(
      `${where}: no stable state after ${machine.options.maxIterations} microsteps: "always" transitions or raised events form a cycle`,
      error,
    )
  }
  if (error instanceof TypeError && CHANGED_IN_PLACE.test(message)) {
    return new DefinitionError(
      `${where}: the context or the event is changed in place (${message}); assign a new object instead`,
      error,
    )
  }
  return new DefinitionError(`${where}: ${message}`, error)
}

function toEffects(actions: readonly RecordedAction[], uid: string): Effect[] {
  const effects: Effect[] = []
  for (const [index, action] of actions.entries()) {
    const effect = toEffect(action, `${uid}.${index}`)
    if (effect !== undefined) effects.push(effect)
  }
  return effects
}

/** @param fallbackId names a delayed raise that the machine gave no id. */
function toEffect(action: RecordedAction, fallbackId: string): Effect | undefined {
  switch (action.type) {
    case 'xstate.raise': {
      const { event, id, delay } = action.params as { event: TimerEvent; id?: string; delay?: number }
      if (delay === undefined) return undefined
      return {
        kind: 'arm',
        sendId: id ?? fallbackId,
        delayMs: delay,
        event: storedValue(event, `raise("${event?.type}")`),
      }
    }
    case 'xstate.cancel':
      return { kind: 'disarm', sendId: (action.params as { sendId: string }).sendId }
    case 'xstate.emit':
      return { kind: 'emit', event: emitted((action.params as { event: Emitted }).event) }
    default:
      throw new DefinitionError(
        `the action "${action.type}" would be lost; only raise, cancel, emit and assign can be made durable`,
      )
  }
}

function emitted(event: Emitted): Emitted {
  return storedValue(event, `emit("${event?.type}")`)
}
