/*
 * Where a changed definition would decide differently, lose a state that instances may be in, or leave a timer unarmed.
 * Nothing of it is wrong in a new version that has a migration; all of it is in the same one.
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
  readonly kind: /** A past decision would come out differently. */
    | 'decision'
    /** Instances may be in a state that is no longer there. */
    | 'state'
    /** A state is active in stored instances, and its timer would never be armed. */
    | 'timer'
    /** The version is not known, and no migration leads from it. */
    | 'version'
  /** The journal's version it shows at, in a golden history. */
  readonly at?: number
  readonly message: string
}

/** What of a golden history, or shape, no longer holds: nothing, if all is well. */
export function findDrift(definition: Definition, golden: Golden | GoldenShape): Drift[] {
  const { name } = definition
  if (golden.machine !== name) {
    return [{ kind: 'version', message: `this is of "${golden.machine}", not of "${name}"` }]
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

/** The first decision that differs: what follows from it differs for its sake. */
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

/** Whether a stored snapshot can still be gone on from. */
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
          message: `stored in ${value}, nothing would arm ${unarmed.join(', ')}`,
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
    return [{ kind: 'state', at: version, message: `stored in ${value}, it could not go on: ${message}` }]
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
      (id): Drift => ({ kind: 'state', message: `instances may be in "${id}", which is no longer there` }),
    ),
    ...withTimers.map(
      (node): Drift => ({
        kind: 'timer',
        message: `"${node.id}" is in a new region: in instances that are stored nothing would arm its timer`,
      }),
    ),
  ]
}

const MAX_SHOWN = 300

function brief(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`
}
