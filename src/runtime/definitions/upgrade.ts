/*
 * Brings an instance from one version of its definition to the next. XState restores a snapshot without arming
 * anything, and fills in a region that is new in silence: so the timers of the states that are active afterwards and
 * were not before are armed here, counted from the migration, and those that are gone are removed.
 */
import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from 'xstate'
import { DefinitionError } from '../errors.js'
import { complaintAboutDelay } from './checks/delays.js'
import { isObject, shown } from './checks/fault.js'
import { refuseValue } from './checks/moved.js'
import { carriedHistory, complaintAboutHistory, type StoredHistory } from './history-value.js'
import type { Registered } from './registry.js'
import { activeNodes } from './state-nodes.js'
import type { Effect, Stepper } from './step.js'
import { storedValue, UnstorableValueError } from './stored-value.js'

/** The type of the journal's entry. From outside nothing with this prefix gets in. */
export const MIGRATE = 'xstate.migrate'

export interface Upgraded {
  readonly kind: 'moved'
  readonly snapshot: AnyMachineSnapshot
  readonly effects: readonly Effect[]
}

/** The versions to go through, oldest first. Throws `DefinitionError` where no migration leads to `to`. */
export function upgradePath(from: Registered, to: Registered): readonly Registered[] {
  const path = findPath(from, to)
  if (path !== undefined) return path
  const { name, version } = to.definition
  throw new DefinitionError(
    `Version ${version} of "${name}" has no migration that leads to it from version ${from.definition.version}`,
  )
}

/** By the oldest version from which a path leads on. */
function findPath(from: Registered, to: Registered): readonly Registered[] | undefined {
  if (from.definition.version === to.definition.version) return []
  const versions = (to.definition.migrations ?? [])
    .map(migration => migration.from.version)
    .filter(version => version >= from.definition.version)
    .sort((a, b) => a - b)
  for (const version of versions) {
    const path = findPath(from, to.at(version))
    if (path !== undefined) return [...path, to]
  }
  return undefined
}

/**
 * One step of the path. Pure. Throws `DefinitionError` when the new machine has no such state. `keepsHistory` is absent from
 * a migration that was journaled by a release which dropped history: its replay must do the same.
 */
export function upgrade(
  from: Registered,
  to: Registered,
  snapshot: AnyMachineSnapshot,
  { keepsHistory }: Readonly<Record<string, unknown>>,
): Upgraded {
  const { version } = from.definition
  const migration = to.definition.migrations?.find(one => one.from.version === version)
  if (migration === undefined) throw new DefinitionError(`There is no migration from version ${version}`)
  const stored = JSON.parse(from.stepper.persist(snapshot))
  const before = {
    value: stored.value,
    context: stored.context,
    historyValue: keepsHistory === true ? stored.historyValue : {},
  }
  const after: unknown = migration.apply(before)
  const refuse = (path: string, message: string) =>
    refuseValue(to.definition, `the migration from ${from.definition.name} v${version}: ${path}`, message)
  if (!isObject(after)) return refuse('result', `expected { value, context }, got ${shown(after)}`)
  const { value, context } = after
  if (typeof value !== 'string' && !isObject(value)) {
    return refuse('value', `expected a state value, got ${shown(value)}`)
  }
  if (!isObject(context)) return refuse('context', `expected an object, got ${shown(context)}`)
  const historyValue = keepsHistory === true ? historyAfter(from, to, before.historyValue, after, refuse) : {}
  const migrated = restored(
    to,
    { ...stored, value, context: asStored(context, refuse), historyValue },
    refuse,
  )
  const timersBefore = timersOf(from.definition.machine, snapshot)
  const timersAfter = timersOf(to.definition.machine, migrated)
  const disarmed = [...timersBefore.keys()].filter(sendId => !timersAfter.has(sendId))
  const armed = [...timersAfter].filter(([sendId]) => !timersBefore.has(sendId))
  return {
    kind: 'moved',
    snapshot: migrated,
    effects: [
      ...disarmed.map(sendId => ({ kind: 'disarm', sendId }) as const),
      ...armed.map(
        ([sendId, delayMs]) => ({ kind: 'arm', sendId, delayMs, event: { type: sendId } }) as const,
      ),
    ],
  }
}

type Refuse = (path: string, message: string) => never

/** What the migration gave, or the old history where it gave none or the one that it was shown. */
function historyAfter(
  from: Registered,
  to: Registered,
  old: StoredHistory,
  { historyValue: given }: Readonly<Record<string, unknown>>,
  refuse: Refuse,
): StoredHistory {
  const { machine } = to.definition
  if (given === undefined || given === old) return carriedHistory(from.definition.machine, machine, old)
  const found = complaintAboutHistory(machine, given)
  return found === undefined ? (given as StoredHistory) : refuse(found.path, found.message)
}

function asStored(context: object, refuse: Refuse): object {
  try {
    return storedValue(context, 'context')
  } catch (error) {
    if (error instanceof UnstorableValueError) return refuse(error.path, error.complaint)
    throw error
  }
}

function restored({ stepper }: Registered, stored: object, refuse: Refuse): AnyMachineSnapshot {
  const snapshot = restoredBy(stepper, stored, refuse)
  const nodes = activeNodes(snapshot)
  for (const node of nodes) {
    if (node.type === 'history')
      refuse('value', `${shown(node.id)} is a history state, which is never active`)
    const active = Object.values(node.states).filter(child => nodes.includes(child))
    if (node.type === 'compound' && active.length !== 1) {
      const ids = active.map(({ id }) => shown(id)).join(' and ')
      refuse('value', `expected one state of ${shown(node.id)}, got ${ids}`)
    }
  }
  return snapshot
}

function restoredBy(stepper: Stepper, stored: object, refuse: Refuse): AnyMachineSnapshot {
  try {
    return stepper.restore(stored)
  } catch (error) {
    const { cause } = error as Error
    return refuse('value', cause instanceof Error ? cause.message : String(error))
  }
}

interface DelayedTransition {
  readonly eventType: string
  readonly delay: unknown
}

/** Send ids of the timers armed by the `after`s of a state value's active states. */
export function activeDelays(machine: AnyStateMachine, value: StateValue): readonly string[] {
  return nodesOf(machine.resolveState({ value, context: {} })).flatMap(node =>
    node.after.map(({ eventType }) => eventType),
  )
}

/** The timers that the active states' `after`s arm on entry: send id → delay in milliseconds. */
export function timersOf(machine: AnyStateMachine, snapshot: AnyMachineSnapshot): Map<string, number> {
  const timers = new Map<string, number>()
  for (const { eventType, delay } of nodesOf(snapshot).flatMap(node => node.after)) {
    timers.set(eventType, delayOf(machine, delay, snapshot))
  }
  return timers
}

function nodesOf(snapshot: AnyMachineSnapshot): readonly { readonly after: readonly DelayedTransition[] }[] {
  return activeNodes(snapshot) as readonly { readonly after: readonly DelayedTransition[] }[]
}

function delayOf(machine: AnyStateMachine, delay: unknown, snapshot: AnyMachineSnapshot): number {
  const delays = machine.implementations.delays as Readonly<Record<string, unknown>>
  const named = typeof delay === 'string' ? (delays[delay] ?? Number(delay)) : delay
  const ms =
    typeof named === 'function'
      ? named({ context: snapshot.context, event: { type: MIGRATE } }, undefined)
      : named
  const complaint = complaintAboutDelay(ms)
  if (complaint === undefined) return Number(ms)
  throw new DefinitionError(`Machine "${machine.id}": the delay "${String(delay)}": ${complaint}`)
}
