/*
 * Brings an instance from one version of its definition to the next. XState restores a snapshot without arming
 * anything, and fills in a region that is new in silence: so the timers of the states that are active afterwards and
 * were not before are armed here, counted from the migration, and those that are gone are removed.
 */
import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from 'xstate'
import { DefinitionError } from './errors.js'
import type { Registered } from './registry.js'
import type { Effect } from './step.js'

/** The type of the journal's entry. From outside nothing with this prefix gets in. */
export const MIGRATE = 'xstate.migrate'

export interface Upgraded {
  readonly kind: 'moved'
  readonly snapshot: AnyMachineSnapshot
  readonly effects: readonly Effect[]
}

/** The versions to go through, oldest first. Throws `DefinitionError` where no migration leads to `to`. */
export function upgradePath(from: Registered, to: Registered): readonly Registered[] {
  if (from.definition.version === to.definition.version) return []
  const steps = (to.definition.migrations ?? [])
    .map(migration => migration.from.version)
    .filter(version => version >= from.definition.version)
    .sort((a, b) => a - b)
  const [before] = steps
  if (before === undefined) {
    const { name, version } = to.definition
    throw new DefinitionError(
      `Version ${version} of "${name}" has no migration that leads to it from version ${from.definition.version}`,
    )
  }
  return [...upgradePath(from, to.at(before)), to]
}

/** One step of the path. Pure. Throws `DefinitionError` when the new machine has no such state. */
export function upgrade(from: Registered, to: Registered, snapshot: AnyMachineSnapshot): Upgraded {
  const { version } = from.definition
  const migration = to.definition.migrations?.find(one => one.from.version === version)
  if (migration === undefined) throw new DefinitionError(`There is no migration from version ${version}`)
  const stored = JSON.parse(from.stepper.persist(snapshot))
  const { value, context } = migration.apply({ value: stored.value, context: stored.context })
  const migrated = to.stepper.restore({ ...stored, value, context, historyValue: {} })
  const before = timersOf(from.definition.machine, snapshot)
  const after = timersOf(to.definition.machine, migrated)
  const disarmed = [...before.keys()].filter(sendId => !after.has(sendId))
  const armed = [...after].filter(([sendId]) => !before.has(sendId))
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
  return (snapshot as unknown as { _nodes: readonly { after: readonly DelayedTransition[] }[] })._nodes
}

function delayOf(machine: AnyStateMachine, delay: unknown, snapshot: AnyMachineSnapshot): number {
  const delays = machine.implementations.delays as Readonly<Record<string, unknown>>
  const named = typeof delay === 'string' ? (delays[delay] ?? Number(delay)) : delay
  const ms =
    typeof named === 'function'
      ? named({ context: snapshot.context, event: { type: MIGRATE } }, undefined)
      : named
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0) return ms
  throw new DefinitionError(`Machine "${machine.id}": the delay "${String(delay)}" is ${String(ms)}`)
}
