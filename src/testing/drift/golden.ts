/*
 * Golden histories: the decisions of a version of a definition, kept for good. A changed machine must decide the same, or
 * be another version with a migration from this one.
 */

import type { AnyStateNode } from 'xstate'
import { z } from 'zod'
import type { Fold } from '../../runtime/commit/fold.js'
import type { Definition } from '../../runtime/definition.js'
import { createRegistry } from '../../runtime/definitions/registry.js'
import { replay } from '../../runtime/replay.js'
import type { JournalEntry } from '../../runtime/types.js'

const GOLDEN_FORMAT = 'loadcast-golden'
const SHAPE_FORMAT = 'loadcast-shape'
const VERSION = 1

const event = z.looseObject({ type: z.string() })
const snapshot = z.looseObject({ value: z.unknown(), context: z.unknown() })

const after = z.strictObject({
  status: z.string(),
  /** In its stored form. */
  snapshot,
  emitted: z.array(event),
  /** Send id → due time in milliseconds. */
  timers: z.record(z.string(), z.number()),
  claims: z.array(z.string()),
})

const golden = z.strictObject({
  format: z.literal(GOLDEN_FORMAT),
  version: z.literal(VERSION),
  machine: z.string(),
  definitionVersion: z.int().min(1),
  /** Each entry has the result after it. */
  entries: z
    .array(
      z.strictObject({
        version: z.int().min(1),
        uid: z.string(),
        at: z.number(),
        event,
        actor: z.looseObject({ id: z.string(), role: z.string() }),
        after,
      }),
    )
    .min(1),
})

const shape = z.strictObject({
  format: z.literal(SHAPE_FORMAT),
  version: z.literal(VERSION),
  machine: z.string(),
  definitionVersion: z.int().min(1),
  /** The ids of all state nodes, which live instances can be in. */
  states: z.array(z.string()),
})

export type Golden = z.infer<typeof golden>
export type GoldenEntry = Golden['entries'][number]
export type GoldenAfter = GoldenEntry['after']
export type GoldenShape = z.infer<typeof shape>

/** The value is not a golden history, or a version in it is missing or doubled. The message says what was expected. */
export class GoldenError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'GoldenError'
  }
}

/** Records the decisions of a definition for a journal. Throws if the definition would not apply an entry. */
export function goldenOf(definition: Definition, journal: readonly JournalEntry[]): Golden {
  const registered = createRegistry([definition]).get(definition.name)
  const entries = journal.map(({ version, uid, at, event, actor }, i): GoldenEntry => {
    const fold = replay(registered, 'golden', journal.slice(0, i + 1))
    return { version, uid, at, event, actor: { ...actor }, after: afterOf(fold, version) }
  })
  const { name, version } = definition
  return plain({
    format: GOLDEN_FORMAT,
    version: VERSION,
    machine: name,
    definitionVersion: version,
    entries,
  })
}

/** The result after the last entry of a fold. */
export function afterOf(fold: Fold, version: number): GoldenAfter {
  const { current, registered, events, timersSet } = fold
  if (current === undefined) throw new Error('An empty journal has no result')
  return plain({
    status: current.status,
    snapshot: JSON.parse(registered.stepper.persist(current.snapshot)),
    emitted: events
      .filter(emitted => emitted.version === version)
      .map(({ type, payload, audience }) => ({ type, audience, ...payload })),
    timers: Object.fromEntries([...timersSet].map(([sendId, { dueAt }]) => [sendId, dueAt])),
    claims: [...registered.definition.claims(current.snapshot)].sort(),
  })
}

export function shapeOf({ name, version, machine }: Definition): GoldenShape {
  const states = nodesOf(machine.root).map(node => node.id)
  return { format: SHAPE_FORMAT, version: VERSION, machine: name, definitionVersion: version, states }
}

export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)]
}

/** Parses a golden history or shape from JSON text or a parsed value. Throws `GoldenError`. */
export function parseGolden(given: unknown): Golden | GoldenShape {
  let value = given
  if (typeof given === 'string') {
    try {
      value = JSON.parse(given)
    } catch (error) {
      throw new GoldenError(`This is not JSON: ${error instanceof Error ? error.message : error}`)
    }
  }
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown }
  const schema = format === GOLDEN_FORMAT ? golden : format === SHAPE_FORMAT ? shape : undefined
  if (schema === undefined) {
    const expected = `"${GOLDEN_FORMAT}" or "${SHAPE_FORMAT}"`
    throw new GoldenError(`Expected a "format" of ${expected}, not ${JSON.stringify(format)}`)
  }
  if (version !== VERSION) {
    throw new GoldenError(
      `This has version ${JSON.stringify(version)} of the format; this kit reads version ${VERSION}`,
    )
  }
  const result = schema.safeParse(value)
  if (!result.success) {
    const problems = result.error.issues.slice(0, 10).map(i => `${i.path.join('.')}: ${i.message}`)
    throw new GoldenError(`This cannot be replayed:\n- ${problems.join('\n- ')}`)
  }
  if ('entries' in result.data) assertConsecutive(result.data.entries)
  return result.data
}

function assertConsecutive(entries: readonly { readonly version: number }[]): void {
  for (const [i, { version }] of entries.entries()) {
    if (version === i + 1) continue
    throw new GoldenError(version <= i ? `Version ${version} is doubled` : `Version ${i + 1} is missing`)
  }
}

/** The value as JSON stores it: members that are `undefined` do not exist. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value))
