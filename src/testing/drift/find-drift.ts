/*
 * Finds where a changed definition would decide differently, lose a state that instances may be in, or leave a timer
 * unarmed. In a new version with a migration, all of this is allowed. In the same version, none of it is.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Definition } from '../../runtime/definition.js'
import { createRegistry, type Registered } from '../../runtime/definitions/registry.js'
import { timersOf, upgrade, upgradePath } from '../../runtime/definitions/upgrade.js'
import { replay } from '../../runtime/replay.js'
import type { JournalEntry } from '../../runtime/types.js'
import {
  afterOf,
  type Golden,
  type GoldenAfter,
  type GoldenEntry,
  type GoldenShape,
  nodesOf,
} from './golden.js'

export interface Drift {
  readonly kind: /** A past decision would have another result. */
    | 'decision'
    /** Instances may be in a state that no longer exists. */
    | 'state'
    /** A state is active in stored instances, but its timer would never be armed. */
    | 'timer'
    /** The version is unknown, and no migration leads from it. */
    | 'version'
  /** The version of the journal where it appears, in a golden history. */
  readonly at?: number
  readonly message: string
}

/** Returns the parts of a golden history or shape that no longer hold. Empty if there are none. */
export function findDrift(definition: Definition, golden: Golden | GoldenShape): Drift[] {
  const { name } = definition
  if (golden.machine !== name) {
    return [{ kind: 'version', message: `this history is of "${golden.machine}", not of "${name}"` }]
  }
  const newest = createRegistry([definition]).get(name)
  let recorded: Registered
  try {
    recorded = newest.at(golden.definitionVersion)
    upgradePath(recorded, newest)
  } catch (error) {
    return [{ kind: 'version', message: error instanceof Error ? error.message : String(error) }]
  }
  if ('states' in golden) return driftOfShape(recorded, golden)
  return [
    ...driftOfDecisions(recorded, golden),
    ...golden.entries.flatMap(entry => driftOfStored(recorded, newest, entry)),
  ]
}

/** Returns only the first decision that differs: later differences follow from it. */
function driftOfDecisions(recorded: Registered, { entries }: Golden): Drift[] {
  const journal = entries.map(({ after, ...entry }): JournalEntry => ({ ...entry, status: after.status }))
  for (const [i, { version, event, after }] of entries.entries()) {
    const where = `version ${version} (${event.type})`
    let now: GoldenAfter
    try {
      now = afterOf(replay(recorded, 'golden', journal.slice(0, i + 1)), version)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return [{ kind: 'decision', at: version, message: `${where} would not be applied: ${message}` }]
    }
    for (const part of ['status', 'snapshot', 'emitted', 'timers', 'claims'] as const) {
      if (isDeepStrictEqual(now[part], after[part])) continue
      const [was, is] = [after[part], now[part]].map(brief)
      return [
        { kind: 'decision', at: version, message: `${where} gave ${part} ${was}, and would give ${is}` },
      ]
    }
  }
  return []
}

/** Whether an instance can continue from a stored snapshot. */
function driftOfStored(recorded: Registered, newest: Registered, { version, after }: GoldenEntry): Drift[] {
  const value = JSON.stringify(after.snapshot.value)
  try {
    const snapshot = recorded.stepper.restore(after.snapshot)
    const unarmed = [...timersOf(recorded.definition.machine, snapshot).keys()].filter(
      sendId => after.timers[sendId] === undefined,
    )
    if (unarmed.length > 0) {
      return [
        {
          kind: 'timer',
          at: version,
          message: `nothing would arm ${unarmed.join(', ')} in an instance stored in ${value}`,
        },
      ]
    }
    let current = recorded
    let migrated = snapshot
    for (const to of upgradePath(recorded, newest)) {
      migrated = upgrade(current, to, migrated, { keepsHistory: true }).snapshot
      current = to
    }
    return []
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    const message = error instanceof Error ? `${error.message}${cause}` : String(error)
    return [
      {
        kind: 'state',
        at: version,
        message: `an instance stored in ${value} could not continue: ${message}`,
      },
    ]
  }
}

function driftOfShape({ definition }: Registered, { states }: GoldenShape): Drift[] {
  const nodes = nodesOf(definition.machine.root)
  const ids = new Set(nodes.map(node => node.id))
  const lost = states.filter(id => !ids.has(id))
  const newRegions = nodes.filter(
    node => node.parent?.type === 'parallel' && states.includes(node.parent.id) && !states.includes(node.id),
  )
  const withTimers = newRegions.flatMap(nodesOf).filter(node => node.after.length > 0)
  return [
    ...lost.map(
      (id): Drift => ({ kind: 'state', message: `instances may be in "${id}", which no longer exists` }),
    ),
    ...withTimers.map(
      (node): Drift => ({
        kind: 'timer',
        message: `"${node.id}" is in a new region: nothing would arm its timer in stored instances`,
      }),
    ),
  ]
}

const MAX_SHOWN = 300

function brief(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`
}
