/*
 * The history of a run: what each caller asked and was told, when, and what the system stored. It is plain JSON and the
 * only input of the checker, so a history of any origin can be judged.
 */
import { z } from 'zod'
import type { JournalEntry } from '../runtime/types.js'

export const HISTORY_FORMAT = 'loadcast-history'
export const HISTORY_VERSION = 1

const version = z.int().min(1)
const time = z.number()

const outcome = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('applied'), version, uid: z.string().optional() }),
  z.strictObject({ kind: z.literal('unchanged'), version: version.optional() }),
  z.strictObject({
    kind: z.literal('refused'),
    reason: z.string(),
    version: version.optional(),
    holder: z.string().optional(),
  }),
  /**
   * The key had been used before, by the transition named here. With `unchanged`, the repeated answer was "unchanged" as
   * of this version, so the key belongs to no transition.
   */
  z.strictObject({
    kind: z.literal('replayed'),
    instance: z.string(),
    version,
    unchanged: z.literal(true).optional(),
  }),
  z.strictObject({ kind: z.literal('read'), version }),
  /** It is unknown whether it was done: there was no answer, or the answer says so. */
  z.strictObject({ kind: z.literal('unknown'), error: z.string() }),
  /** It was certainly not done. */
  z.strictObject({ kind: z.literal('failed'), error: z.string() }),
])

const operation = z.strictObject({
  id: z.int(),
  kind: z.enum(['create', 'send', 'read']),
  /** `null` for a create whose id was not answered. */
  instance: z.string().nullable(),
  /** The actor's id in the journal, if the target writes one. It tells operations apart. */
  actor: z.string().optional(),
  node: z.int().optional(),
  /** The sent event. For a create, the input with type `xstate.init`. */
  event: z.looseObject({ type: z.string() }),
  ifVersion: version.optional(),
  key: z.string().optional(),
  /** Milliseconds since `startedAt`. A call that returned before another one was made came before it. */
  calledAt: time,
  /** `null` if it never returned. */
  returnedAt: time.nullable(),
  outcome,
})

const journalEntry = z.looseObject({
  version,
  uid: z.string(),
  event: z.looseObject({ type: z.string() }),
  status: z.string(),
  actor: z.looseObject({ id: z.string(), role: z.string() }),
  at: time,
})

const delivery = z.strictObject({
  instance: z.string(),
  version,
  index: z.int(),
  type: z.string(),
  payload: z.record(z.string(), z.unknown()),
})

const history = z.strictObject({
  format: z.literal(HISTORY_FORMAT),
  version: z.literal(HISTORY_VERSION),
  target: z.string(),
  machine: z.string(),
  definitionVersion: z.int(),
  /** Milliseconds since the epoch. */
  startedAt: time,
  /** The largest difference between any clock and the one that wrote these times. */
  clockErrorMs: time,
  operations: z.array(operation),
  /** By instance, if the target provides them. Without journals the checker searches for ones that explain the answers. */
  journals: z.record(z.string(), z.array(journalEntry)).optional(),
  /** The order in which transitions of all instances were committed, and when, if the target knows. */
  commits: z.array(z.strictObject({ instance: z.string(), version, at: time.optional() })).optional(),
  /** All deliveries to subscribers, in order. Given only if everything that would be delivered has been. */
  deliveries: z.array(delivery).optional(),
})

export type History = Omit<z.infer<typeof history>, 'journals'> & {
  readonly journals?: Readonly<Record<string, readonly JournalEntry[]>> | undefined
}
export type Operation = z.infer<typeof operation>
export type OperationOutcome = Operation['outcome']
export type Delivery = z.infer<typeof delivery>

/** The value is not a history, or cannot be judged. The message says what was expected. */
export class HistoryError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}

/** Parses a saved history from JSON text or a parsed value. Throws `HistoryError`. */
export function parseHistory(given: unknown): History {
  let value = given
  if (typeof given === 'string') {
    try {
      value = JSON.parse(given)
    } catch (error) {
      throw new HistoryError(`This is not JSON: ${error instanceof Error ? error.message : error}`)
    }
  }
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown }
  if (format !== HISTORY_FORMAT) {
    throw new HistoryError(`Expected a "format" of "${HISTORY_FORMAT}", not ${JSON.stringify(format)}`)
  }
  if (version !== HISTORY_VERSION) {
    throw new HistoryError(
      `This history has version ${JSON.stringify(version)} of the format; this kit reads version ${HISTORY_VERSION}`,
    )
  }
  const result = history.safeParse(value)
  if (!result.success) {
    const problems = result.error.issues.slice(0, 10).map(i => `${i.path.join('.')}: ${i.message}`)
    throw new HistoryError(`This history cannot be judged:\n- ${problems.join('\n- ')}`)
  }
  return result.data as History
}
