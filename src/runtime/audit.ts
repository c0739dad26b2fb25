/*
 * Checks stored instances against their own history: the journal is replayed through the machine, and what comes
 * out must be what is stored. Reads only; one instance at a time, so memory stays bounded on a database of any size.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AnyMachineSnapshot } from 'xstate'
import type { Fold } from './commit/fold.js'
import type { Definition } from './definition.js'
import { createRegistry, type Registered, type Registry } from './definitions/registry.js'
import type { StoredInstance, StoredTimer } from './ports.js'
import { replay } from './replay.js'
import type { EmittedEvent, JournalEntry } from './types.js'

/** An instance with everything that belongs to it, seen at one moment. */
export interface AuditedInstance {
  readonly instance: StoredInstance
  readonly journal: readonly JournalEntry[]
  readonly timers: readonly StoredTimer[]
  readonly claims: readonly string[]
  readonly events: readonly Pick<EmittedEvent, 'version' | 'index' | 'type' | 'payload' | 'audience'>[]
  /** Delivered events older than this may have been deleted. */
  readonly eventsSweptBefore: number | undefined
  /** Table → rows. */
  readonly projections: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
}

export interface AuditStore {
  count(): Promise<number>
  /** Instances with an id above `after`, in order of id, each with its rows of `definitions`' projections. */
  page(
    after: string | undefined,
    limit: number,
    definitions: readonly Definition[],
  ): Promise<readonly AuditedInstance[]>
  /** Rows that belong to no instance, and deliveries that nobody has made in time: in words. */
  strays(): Promise<readonly string[]>
}

export interface Violation {
  /** The number of the invariant in docs/architecture/invariants.md. */
  readonly invariant: number
  readonly instance: string | undefined
  readonly message: string
}

/** The invariant that every delay of an active state has its timer. Missing timers can be armed again. */
export const TIMERS_MATCH = 5

/** What a product adds: its own invariants over a snapshot and the journal that led to it. */
export type ProductInvariants = (
  audited: AuditedInstance,
  snapshot: AnyMachineSnapshot,
) => readonly Omit<Violation, 'instance'>[]

/** A page is a few megabytes even when every request has hundreds of trucks. */
const PAGE_SIZE = 50
/** An event's stamp may be ahead of the time at which it was recorded, by what clocks differ. */
const STAMP_TOLERANCE_MS = 1_000

/**
 * Audits all instances and yields each violation with the instance it was found on.
 * `onProgress` is told how many instances have been looked at, and of how many.
 */
export async function* audit(
  store: AuditStore,
  definitions: readonly Definition[],
  productInvariants: ProductInvariants = () => [],
  onProgress: (done: number, total: number) => void = () => {},
): AsyncGenerator<Violation> {
  const registry = createRegistry(definitions)
  const total = await store.count()
  let done = 0
  let after: string | undefined
  for (;;) {
    const page = await store.page(after, PAGE_SIZE, definitions)
    for (const audited of page) {
      yield* auditInstance(registry, audited, productInvariants)
    }
    done += page.length
    onProgress(done, Math.max(total, done))
    after = page.at(-1)?.instance.id
    if (page.length < PAGE_SIZE) break
  }
  for (const message of await store.strays()) yield { invariant: 7, instance: undefined, message }
}

/** All violations of one instance; invariants 1, 2, 4, 5 and 7, and the product's own. */
function auditInstance(
  registry: Registry,
  audited: AuditedInstance,
  productInvariants: ProductInvariants,
): Violation[] {
  const { instance, journal } = audited
  const violation = (invariant: number, message: string) => ({ invariant, instance: instance.id, message })
  const versions = journal.map(entry => entry.version)
  if (instance.version !== journal.length || versions.some((version, i) => version !== i + 1)) {
    return [violation(1, `version ${instance.version}, but the journal has versions ${summary(versions)}`)]
  }
  let fold: Fold
  try {
    fold = replay(registry.get(instance.machine), instance.id, journal)
  } catch (error) {
    const cause = error instanceof Error ? error.message : error
    return [violation(2, `the journal cannot be replayed: ${cause}`)]
  }
  const replayed = fold.current
  if (replayed === undefined) return []
  const mismatch = snapshotMismatch(instance, replayed.snapshot, fold.registered)
  if (mismatch !== undefined) return [violation(2, mismatch)]
  const { definition } = fold.registered
  return [
    ...differences(4, 'claims', "the snapshot's", definition.claims(replayed.snapshot), audited.claims),
    ...auditProjections(definition, replayed.snapshot, audited),
    ...auditTimers(fold, audited),
    ...auditEvents(fold, audited),
    ...productInvariants(audited, replayed.snapshot),
  ].map(found => violation(found.invariant, found.message))
}

/** In words, if the stored snapshot is not the replayed one. */
function snapshotMismatch(
  { definitionVersion, snapshot }: StoredInstance,
  replayed: AnyMachineSnapshot,
  { definition, stepper }: Registered,
): string | undefined {
  if (definitionVersion !== definition.version) {
    return `it is stored as version ${definitionVersion} of the definition, journaled as ${definition.version}`
  }
  const json = JSON.parse(stepper.persist(replayed))
  if (isDeepStrictEqual(json, snapshot)) return undefined
  return `the stored snapshot is not what the journal gives: ${difference(json, snapshot)}`
}

function auditProjections(
  { projections }: Definition,
  snapshot: AnyMachineSnapshot,
  audited: AuditedInstance,
): Difference[] {
  return projections.flatMap(({ table, columns, rows }) => {
    const names = Object.keys(columns)
    const asText = (row: Readonly<Record<string, unknown>>) =>
      JSON.stringify(names.map(name => canonical(row[name])))
    const stored = audited.projections[table] ?? []
    return differences(4, table, "the snapshot's", rows(snapshot).map(asText), stored.map(asText))
  })
}

function auditTimers({ timersSet }: Fold, { timers }: AuditedInstance): Difference[] {
  // The original due time of a parked timer is kept only while it is a dead letter.
  const isParked = ({ parked }: StoredTimer) => parked !== undefined && parked !== 'dead'
  const parked = new Set(timers.filter(isParked).map(t => t.sendId))
  const asText = (t: StoredTimer) =>
    `${t.sendId} generation ${t.generation} ${parked.has(t.sendId) ? 'parked' : `due ${new Date(t.dueAt).toISOString()}`}`
  const armed = [...timersSet.values()].map(asText)
  return differences(TIMERS_MATCH, 'timers', 'armed by the machine', armed, timers.map(asText))
}

function auditEvents(
  { events }: Fold,
  { events: kept, eventsSweptBefore = Number.NEGATIVE_INFINITY }: AuditedInstance,
): Difference[] {
  const asText = ({ version, index, type, payload, audience }: AuditedInstance['events'][number]) =>
    JSON.stringify([version, index, type, canonical(payload), audience])
  const sweptStamp = eventsSweptBefore + STAMP_TOLERANCE_MS
  const mayBeSwept = new Set(events.filter(e => e.at <= sweptStamp).map(asText))
  const stored = kept.map(asText)
  const expected = events.map(asText).filter(text => stored.includes(text) || !mayBeSwept.has(text))
  return differences(7, 'events', 'emitted by the machine', expected, stored)
}

type Difference = Omit<Violation, 'instance'>

/** What `stored` lacks of `expected`, and what it has beyond: one violation, or none. */
function differences(
  invariant: number,
  what: string,
  expectation: string,
  expected: readonly string[],
  stored: readonly string[],
): Difference[] {
  const missing = expected.filter(value => !stored.includes(value))
  const extra = stored.filter(value => !expected.includes(value))
  if (missing.length + extra.length === 0) return []
  return [
    { invariant, message: `${what}: missing ${summary(missing)}, not ${expectation} ${summary(extra)}` },
  ]
}

/** Postgres gives jsonb keys in its own order, absent columns as null. */
function canonical(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(canonical)
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  )
}

function difference(expected: Record<string, unknown>, actual: unknown): string {
  const stored = (actual ?? {}) as Record<string, unknown>
  const keys = new Set([...Object.keys(expected), ...Object.keys(stored)])
  const differing = [...keys].filter(key => !isDeepStrictEqual(expected[key], stored[key]))
  return `they differ in ${differing.join(', ')}`
}

/** The first few, for a line of output. */
function summary(values: readonly unknown[]): string {
  const shown = values.slice(0, 3).join(', ')
  if (values.length === 0) return 'none'
  return values.length > 3 ? `${shown} and ${values.length - 3} more` : shown
}
