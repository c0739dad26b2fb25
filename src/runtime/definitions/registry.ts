/*
 * The definitions that a process knows. A definition that cannot be made durable is refused at registration, before any
 * instance exists.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { Definition } from '../definition.js'
import { DefinitionError, UnknownVersionError } from '../errors.js'
import type { KnownVersion, StoredInstance } from '../ports.js'
import { assertDefinitions } from './checks/definitions.js'
import { checkedClaims, checkedWord } from './checks/moved.js'
import { createStepper, type Stepper } from './step.js'

export interface Registered {
  readonly definition: Definition
  readonly stepper: Stepper
  /** What the definition says of a snapshot. Throws `DefinitionError` for what cannot be stored. */
  status(snapshot: AnyMachineSnapshot): string
  owner(snapshot: AnyMachineSnapshot): string
  /** Called often for the same snapshot: for a decision, and for the next one that rests on it. */
  claims(snapshot: AnyMachineSnapshot): readonly string[]
  /** Another version of it. Throws `UnknownVersionError` for one that this process does not know. */
  at(version: number): Registered
}

export interface Registry {
  /** Every machine and version that this process can restore. It may lease only their timers and deliveries. */
  readonly known: readonly KnownVersion[]
  /** The newest version that is known. Throws `DefinitionError` for a machine this process does not know. */
  get(machine: string): Registered
  /** The version in which instances are written now: the oldest that is known, until `write` says otherwise. */
  writing(machine: string): Registered
  /** Machine → the version in which its instances are now written. */
  written(): Readonly<Record<string, number>>
  /** From now on writes what all processes know: machine → version. One that is not known here is not taken. */
  write(versions: ReadonlyMap<string, number>): void
  /** The newest known version of every machine. */
  readonly newest: ReadonlyMap<string, number>
  /** Throws `UnknownVersionError` if the instance is stored in a version that this process does not know. */
  restore(row: StoredInstance): AnyMachineSnapshot
}

/** Throws one `DefinitionError` that tells all faults of all definitions. */
export function createRegistry(definitions: readonly Definition[]): Registry {
  assertDefinitions(definitions)
  /** Name → version → the definition, newest first. */
  const byName = new Map<string, Map<number, Registered>>()
  const written = new Map<string, number>()
  for (const definition of definitions) register(definition)

  function register(definition: Definition): void {
    const { name, version, machine, migrations = [] } = definition
    const versions = byName.get(name) ?? new Map<number, Registered>()
    byName.set(name, versions)
    versions.set(version, {
      definition,
      stepper: createStepper(machine),
      status: snapshot => checkedWord(definition, 'status', definition.status(snapshot)),
      owner: snapshot => checkedWord(definition, 'owner', definition.owner(snapshot)),
      claims: onceEach(snapshot => checkedClaims(definition, definition.claims(snapshot))),
      at: other => at(name, other),
    })
    for (const { from } of migrations) if (!versions.has(from.version)) register(from)
  }

  function versionsOf(machine: string): Map<number, Registered> {
    const versions = byName.get(machine)
    if (versions === undefined) throw new DefinitionError(`No definition is named "${machine}"`)
    return versions
  }

  function at(machine: string, version: number): Registered {
    const registered = versionsOf(machine).get(version)
    if (registered !== undefined) return registered
    const known = [...versionsOf(machine).keys()].join(', ')
    throw new UnknownVersionError(
      `Version ${version} of "${machine}" is not known here; this process knows version ${known}`,
    )
  }

  const newest = new Map([...byName].map(([name, versions]) => [name, Math.max(...versions.keys())]))
  const oldest = new Map([...byName].map(([name, versions]) => [name, Math.min(...versions.keys())]))

  return {
    known: [...byName].flatMap(([machine, versions]) =>
      [...versions.keys()].map(version => ({ machine, version })),
    ),
    newest,
    get: machine => at(machine, newest.get(machine) ?? 0),
    writing: machine => at(machine, written.get(machine) ?? oldest.get(machine) ?? 0),
    written: () =>
      Object.fromEntries([...byName.keys()].map(name => [name, written.get(name) ?? oldest.get(name) ?? 0])),
    write(versions) {
      for (const [machine, version] of versions) {
        if (byName.get(machine)?.has(version) === true) written.set(machine, version)
      }
    },
    restore(row) {
      const versions = versionsOf(row.machine)
      const registered = versions.get(row.definitionVersion)
      if (registered === undefined) {
        const known = [...versions.keys()].join(', ')
        throw new UnknownVersionError(
          `Instance ${row.id} was written by version ${row.definitionVersion} of "${row.machine}"; this process knows version ${known}`,
        )
      }
      return registered.stepper.restore(row.snapshot)
    },
  }
}

/** `work` on each object, done once for as long as the object lives. */
function onceEach<TKey extends object, TValue>(work: (key: TKey) => TValue): (key: TKey) => TValue {
  const known = new WeakMap<TKey, TValue>()
  return key => {
    let value = known.get(key)
    if (value === undefined) {
      value = work(key)
      known.set(key, value)
    }
    return value
  }
}
