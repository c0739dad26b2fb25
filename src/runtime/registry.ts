/*
 * The definitions a process knows. Whatever a machine could ask for that cannot be made durable is refused
 * here, at registration, before any instance exists.
 */
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate'
import type { z } from 'zod'
import type { Definition } from './definition.js'
import { DefinitionError, InvalidEventError, UnknownVersionError } from './errors.js'
import type { KnownVersion, StoredInstance } from './ports.js'
import { createStepper, type Stepper } from './step.js'
import { storedValue, UnstorableValueError } from './stored-value.js'
import type { Actor } from './types.js'

/** XState's own actions that leave something durable behind, or nothing. */
const DURABLE_ACTIONS = new Set([
  'xstate.assign',
  'xstate.raise',
  'xstate.cancel',
  'xstate.emit',
  'xstate.enqueueActions', // what it enqueues is judged in the step
])

export interface Registered {
  readonly definition: Definition
  readonly stepper: Stepper
  /** The keys that a snapshot claims. Asked often of the same: while a decision is made, and when the next rests on it. */
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

export function createRegistry(definitions: readonly Definition[]): Registry {
  /** Name → version → the definition, newest first. */
  const byName = new Map<string, Map<number, Registered>>()
  const written = new Map<string, number>()
  for (const definition of definitions) register(definition, new Set())

  function register(definition: Definition, older: ReadonlySet<number>): void {
    const { name, version, machine, migrations = [] } = definition
    const versions = byName.get(name) ?? new Map<number, Registered>()
    if (older.size === 0 && versions.size > 0) {
      throw new DefinitionError(`Two definitions are named "${name}"`)
    }
    byName.set(name, versions)
    const known = versions.get(version)
    if (known !== undefined && known.definition !== definition) {
      throw new DefinitionError(`Two definitions are version ${version} of "${name}"`)
    }
    if (known === undefined) {
      assertDurable(name, machine)
      versions.set(version, {
        definition,
        stepper: createStepper(machine),
        claims: onceEach(snapshot => definition.claims(snapshot)),
        at: other => at(name, other),
      })
    }
    for (const { from } of migrations) {
      if (from.name !== name || from.version >= version) {
        throw new DefinitionError(
          `Version ${version} of "${name}" cannot be migrated to from version ${from.version} of "${from.name}"`,
        )
      }
      register(from, new Set([...older, version]))
    }
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

/** Parses a command or input; names starting with `xstate.` never get in, whatever the schemas say. */
export function parseCommand<T extends { readonly type: string }>(definition: Definition, event: T): T {
  const schema = event.type.startsWith('xstate.') ? undefined : definition.commands[event.type]
  if (schema === undefined || !Object.hasOwn(definition.commands, event.type)) {
    const known = Object.keys(definition.commands).join(', ')
    throw new InvalidEventError(`"${definition.name}" has no command "${event.type}"`, [
      { path: 'type', message: `Expected one of: ${known}` },
    ])
  }
  return parse(schema, event, `The command "${event.type}" is not valid`) as T
}

export function parseInput(definition: Definition, input: unknown): object {
  const message = `The input of "${definition.name}" is not valid`
  const parsed = parse(definition.input, input, message) ?? {}
  // A machine's input is given a stamp, which other values cannot carry.
  if (typeof parsed !== 'object' || Array.isArray(parsed)) {
    const what = Array.isArray(parsed) ? 'an array' : `a ${typeof parsed}`
    throw new InvalidEventError(message, [
      { path: '', message: `Expected an object, got ${what}: wrap it, as in { value: … }` },
    ])
  }
  return parsed
}

function parse(schema: z.ZodType, value: unknown, message: string): unknown {
  const result = schema.safeParse(value)
  if (result.success) return storable(result.data, message)
  const issues = result.error.issues.map(issue => ({ path: issue.path.join('.'), message: issue.message }))
  throw new InvalidEventError(message, issues)
}

export const parseActor = (actor: Actor): Actor => storable(actor, 'The actor is not valid')

/** The value as it will be stored. Throws `InvalidEventError` if JSON does not hold it. */
function storable<T>(value: T, message: string): T {
  try {
    return storedValue(value, '')
  } catch (error) {
    if (!(error instanceof UnstorableValueError)) throw error
    throw new InvalidEventError(message, [
      { path: error.path.replace(/^\./, ''), message: `It ${error.complaint}` },
    ])
  }
}

function assertDurable(name: string, machine: AnyStateMachine): void {
  const problems: string[] = []
  const { actions, guards, delays } = machine.implementations as unknown as Record<
    'actions' | 'guards' | 'delays',
    Record<string, unknown>
  >

  const checkAction = (action: unknown, where: string) => {
    const named = typeof action === 'string' ? action : (action as { type?: string }).type
    const implementation = typeof action === 'function' ? action : actions[named ?? '']
    const builtin = (implementation as { type?: string } | undefined)?.type
    if (implementation === undefined) problems.push(`${where}: the action "${named}" is not implemented`)
    else if (builtin === undefined || !DURABLE_ACTIONS.has(builtin)) {
      const what = builtin ?? named ?? (implementation as { name?: string }).name ?? 'a function'
      problems.push(`${where}: the action "${what}" would be lost`)
    }
  }
  const checkGuard = (guard: unknown, where: string) => {
    const named = typeof guard === 'string' ? guard : (guard as { type?: string } | undefined)?.type
    if (guard !== undefined && typeof guard !== 'function' && guards[named ?? ''] === undefined) {
      problems.push(`${where}: the guard "${named}" is not implemented`)
    }
  }
  const visit = (node: AnyStateNode) => {
    const where = `#${node.id}`
    if (node.invoke.length > 0) problems.push(`${where}: invoked actors cannot be made durable`)
    const delayed = Object.keys((node.config as { after?: object }).after ?? {})
    for (const delay of delayed) {
      if (!Number.isFinite(Number(delay)) && delays[delay] === undefined) {
        problems.push(`${where}: the delay "${delay}" is not implemented and would fire at once`)
      }
    }
    // The entry and exit actions that `after` adds are raise and cancel: they pass.
    for (const action of [...node.entry, ...node.exit]) checkAction(action, where)
    const transitions = [...node.transitions.values()].flat().concat(node.always ?? [])
    for (const transition of transitions) {
      checkGuard(transition.guard, where)
      for (const action of transition.actions) checkAction(action, where)
    }
    for (const action of node.initial.actions ?? []) checkAction(action, where)
    for (const child of Object.values(node.states)) visit(child)
  }
  visit(machine.root)

  if (problems.length > 0) {
    throw new DefinitionError(`Definition "${name}" cannot be made durable:\n- ${problems.join('\n- ')}`)
  }
}
