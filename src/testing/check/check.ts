/*
 * Judges a history, with the machine itself as the specification. It asks for an order of all answered operations that
 * fits the wall clock and in which the machine alone gives the same answers. If versions are known, they are the order,
 * and one pass each way is enough. Only an answer without a version is searched for in its window of time.
 */
import type { Definition } from '../../runtime/definition.js'
import { createRegistry, type Registered } from '../../runtime/definitions/registry.js'
import type { JournalEntry } from '../../runtime/types.js'
import { type History, HistoryError, type Operation } from '../history.js'
import { type Court, isClaimRefusal, judge } from './answers.js'
import { type Bounds, findBounds } from './bounds.js'
import { findCauses } from './causes.js'
import { findDoubleHolds, findHolds } from './claims.js'
import { checkDeliveries } from './deliveries.js'
import { checkKeys } from './keys.js'
import { type Line, replayLine } from './line.js'
import { reconstruct } from './reconstruct.js'
import type { Violation } from './violation.js'

export interface CheckOptions {
  /**
   * Whether a refusal that the definition calls permanent may be given from memory, with the reason of an earlier moment.
   * Engines never do so by themselves, but a service in front of them may.
   */
  readonly rememberedRefusals?: boolean
}

export interface Verdict {
  readonly violations: readonly Violation[]
  readonly operations: number
  readonly transitions: number
}

/**
 * Checks a history of a definition's instances. Throws `DefinitionError` with all faults of the definition, as the engine
 * does. Throws `HistoryError` for a history that cannot be judged. A verdict without violations therefore means that every
 * answer was explained.
 */
export function check(history: History, definition: Definition, options: CheckOptions = {}): Verdict {
  const registered = createRegistry([definition]).get(definition.name)
  if (history.machine !== definition.name || history.definitionVersion !== definition.version) {
    throw new HistoryError(
      `This history is of version ${history.definitionVersion} of "${history.machine}", not version ${definition.version} of "${definition.name}"`,
    )
  }
  const isAnswered = ({ outcome }: Operation) => outcome.kind !== 'unknown' && outcome.kind !== 'failed'
  if (history.journals === undefined && !history.operations.some(isAnswered)) {
    throw new HistoryError('This history has no answers, so there is nothing to judge')
  }
  const violations: Violation[] = []
  const byInstance = groupByInstance(history, violations)
  const judged = [...byInstance].flatMap(([instance, operations]) => {
    const found = examine(history, registered, instance, operations)
    violations.push(...found.violations)
    return found.line === undefined ? [] : [{ ...found, line: found.line, operations }]
  })
  violations.push(...checkTimers(history))
  const holds = findHolds(definition, judged)
  violations.push(...findDoubleHolds(holds, history.commits))

  const court: Court = {
    registered,
    holds,
    startedAt: history.startedAt,
    clockErrorMs: history.clockErrorMs,
    endedAt: history.operations.reduce((latest, { returnedAt, calledAt }) => {
      return Math.max(latest, returnedAt ?? calledAt)
    }, 0),
    rememberedRefusals: options.rememberedRefusals ?? false,
  }
  const causes = new Map<Operation, { instance: string; version: number }>()
  for (const one of judged) {
    for (const [i, operation] of one.byVersion.entries()) {
      if (operation !== undefined) causes.set(operation, { instance: one.line.instance, version: i + 1 })
    }
    for (const operation of one.operations) {
      const violation = judge(court, one, operation) ?? checkStamp(history, one.line, operation)
      if (violation !== undefined) violations.push(violation)
    }
  }
  for (const operation of history.operations) {
    if (operation.instance === null) violations.push(...judgeCreate(court, operation))
    const { outcome } = operation
    if (outcome.kind === 'failed' && outcome.error.startsWith('defect: ')) {
      violations.push({ rule: 'answer', message: outcome.error, operations: [operation.id] })
    }
  }
  violations.push(...checkKeys(history.operations, causes))
  if (history.deliveries !== undefined) {
    const lines = judged.map(({ line }) => line)
    violations.push(...checkDeliveries(lines, history.deliveries))
  }
  return {
    violations,
    operations: history.operations.length,
    transitions: judged.reduce((sum, { line }) => sum + line.journal.length, 0),
  }
}

/** No transition of a timer may be committed before the timer was due. */
function checkTimers({ journals, commits = [], startedAt, clockErrorMs }: History): Violation[] {
  return commits.flatMap(({ instance, version, at }) => {
    const entry = journals?.[instance]?.[version - 1]
    if (at === undefined || entry?.actor.sendId === undefined) return []
    const earlyMs = entry.at - (startedAt + at)
    if (earlyMs <= clockErrorMs) return []
    const message = `version ${version} (${entry.event.type}) was committed ${Math.round(earlyMs)} ms before it was due`
    return [{ rule: 'time', message, instance }]
  })
}

interface Examined {
  readonly line: Line | undefined
  readonly bounds: Bounds
  readonly byVersion: readonly (Operation | undefined)[]
  readonly violations: readonly Violation[]
}

/** Checks one instance: the machine follows its journal, every transition has its cause, and an order fits. */
function examine(
  history: History,
  registered: Registered,
  instance: string,
  operations: readonly Operation[],
): Examined {
  const nothing = { earliest: [], latest: [], violations: [] }
  let journal: readonly JournalEntry[] | undefined = history.journals?.[instance]
  if (journal === undefined) {
    if (history.journals !== undefined) {
      const isKnown = operations.some(
        ({ outcome }) => outcome.kind !== 'unknown' && outcome.kind !== 'failed',
      )
      const violation: Violation = {
        rule: 'history',
        message: 'has answers but no journal',
        instance,
      }
      return { line: undefined, bounds: nothing, byVersion: [], violations: isKnown ? [violation] : [] }
    }
    const found = reconstruct(history, registered, instance, operations)
    if (found.journal === undefined) {
      return { line: undefined, bounds: nothing, byVersion: [], violations: found.violations }
    }
    journal = found.journal
  }
  const replayed = replayLine(registered, instance, journal)
  const { line } = replayed
  const causes = findCauses(registered.definition, line, operations)
  const bounds = findBounds(line, causes.byVersion, operations, history)
  const violations = [...replayed.violations, ...causes.violations, ...bounds.violations]
  return { line, bounds, byVersion: causes.byVersion, violations }
}

function groupByInstance(history: History, violations: Violation[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>(Object.keys(history.journals ?? {}).map(id => [id, []]))
  for (const operation of history.operations) {
    const { instance, returnedAt, calledAt } = operation
    if (returnedAt !== null && returnedAt < calledAt) {
      violations.push({
        rule: 'history',
        message: 'returned before it was called',
        operations: [operation.id],
      })
    }
    if (instance === null) continue
    const group = groups.get(instance)
    if (group === undefined) groups.set(instance, [operation])
    else group.push(operation)
  }
  // A create whose id was not answered, but which is in the journal under its name, belongs to the instance it made.
  const nameless = new Map(
    history.operations.flatMap(o =>
      o.instance === null && o.outcome.kind === 'unknown' && o.actor !== undefined
        ? [[o.actor, o] as const]
        : [],
    ),
  )
  for (const [instance, journal] of Object.entries(history.journals ?? {})) {
    const creator = nameless.get(journal[0]?.actor.id ?? '')
    if (creator !== undefined) groups.get(instance)?.push(creator)
  }
  return groups
}

/** A stamp must be between the call and the return, unless it had to wait for the previous one. */
function checkStamp(history: History, line: Line, operation: Operation): Violation | undefined {
  const { outcome, calledAt, returnedAt, id } = operation
  if (outcome.kind !== 'applied' || returnedAt === null) return undefined
  const entry = line.journal[outcome.version - 1]
  if (entry === undefined) return undefined
  const { startedAt, clockErrorMs } = history
  const least = Math.floor(startedAt + calledAt - clockErrorMs)
  const most = Math.max(startedAt + returnedAt + clockErrorMs, line.journal[outcome.version - 2]?.at ?? 0)
  if (entry.at >= least && entry.at <= most) return undefined
  const side = entry.at < least ? `${Math.round(least - entry.at)} ms before` : 'after'
  const message = `version ${outcome.version} is stamped ${side} its call`
  return { rule: 'time', message, instance: line.instance, operations: [id] }
}

/** A create that made nothing must have been refused for a claim: otherwise the machine would have made the instance. */
function judgeCreate(court: Court, operation: Operation): Violation[] {
  const { outcome, event, id } = operation
  if (operation.kind !== 'create' || outcome.kind !== 'refused') return []
  const { type: _, ...given } = event
  const { definition, stepper } = court.registered
  const input = { ...(definition.input.parse(given) as object), at: court.startedAt, uid: '' }
  const keys = definition.claims(stepper.begin(input, '').snapshot)
  if (isClaimRefusal(court, operation, null, keys)) return []
  const message = `a create was refused with "${outcome.reason}", but no instance can have held the claims it needs`
  return [{ rule: 'claim', message, operations: [id] }]
}
