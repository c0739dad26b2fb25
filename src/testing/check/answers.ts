/*
 * Checks answers: a caller must have been told what the machine says at some moment while the caller waited. That is the
 * version that the answer names or, if it names none, any version that may have been the present one. The stamp of an
 * event that was not applied is unknown, so all instants at which a decision may change are tried.
 */
import type { StampedEvent } from '../../runtime/definition.js'
import type { Registered } from '../../runtime/definitions/registry.js'
import { MIGRATE } from '../../runtime/definitions/upgrade.js'
import type { Operation } from '../history.js'
import type { Bounds } from './bounds.js'
import { type Holds, possibleHolders } from './claims.js'
import { countUpTo } from './count-up-to.js'
import type { Line } from './line.js'
import type { Violation } from './violation.js'

export interface Judged {
  readonly line: Line
  readonly bounds: Bounds
}

export interface Court {
  readonly registered: Registered
  readonly holds: Holds
  readonly startedAt: number
  readonly clockErrorMs: number
  /** When the last answer came. Until then, a call without an answer may have been in progress. */
  readonly endedAt: number
  /** Whether permanent refusals may be given from memory, with the reason of an earlier moment. */
  readonly rememberedRefusals: boolean
}

/** Returns what is wrong with the answer to an operation, if anything. The instance's transitions are known. */
export function judge(court: Court, judged: Judged, operation: Operation): Violation | undefined {
  const { outcome } = operation
  const { line, bounds } = judged
  const wrong = (rule: Violation['rule'], message: string): Violation => ({
    rule,
    message,
    instance: line.instance,
    operations: [operation.id],
  })
  switch (outcome.kind) {
    case 'applied': {
      const { ifVersion } = operation
      if (ifVersion !== undefined && !isAsOf(line, ifVersion, outcome.version - 1)) {
        return wrong('answer', `was for version ${ifVersion} only, but made version ${outcome.version}`)
      }
      return undefined
    }
    case 'read':
    case 'unchanged':
    case 'refused': {
      if (outcome.version === undefined) return judgeAnywhen(court, judged, operation, wrong)
      const { version } = outcome
      if (version > line.journal.length)
        return wrong('history', `names version ${version}, which does not exist`)
      const next = bounds.latest[version]
      if (next !== undefined && next < operation.calledAt) {
        return wrong(
          'order',
          `was told "${wordOf(operation)}" as of version ${version}, but version ${version + 1} had been answered before this call`,
        )
      }
      if (outcome.kind === 'read' || version > line.snapshots.length) return undefined
      if (saysSo(court, judged, operation, version)) return undefined
      return wrong(
        'answer',
        `${operation.event.type} was answered "${wordOf(operation)}" at version ${version}; the machine says "${machineWord(court, judged, operation, version)}"`,
      )
    }
    // A repeated key is judged with its keys (keys.ts). Of the others nothing is known.
    case 'replayed':
    case 'unknown':
    case 'failed':
      return undefined
    default:
      return outcome satisfies never
  }
}

type Wrong = (rule: Violation['rule'], message: string) => Violation

/** For an answer without a version: it must fit one that may have been the present one while the caller waited. */
function judgeAnywhen(
  court: Court,
  judged: Judged,
  operation: Operation,
  wrong: Wrong,
): Violation | undefined {
  const { line, bounds } = judged
  const { calledAt, returnedAt } = operation
  const lowest = Math.max(
    1,
    countUpTo(bounds.latest, time => time < calledAt),
  )
  const until = returnedAt ?? court.endedAt
  const highest = Math.min(
    line.snapshots.length,
    countUpTo(bounds.earliest, time => time <= until),
  )
  for (let version = lowest; version <= highest; version++) {
    if (saysSo(court, judged, operation, version)) return undefined
  }
  if (court.rememberedRefusals && isRemembered(court, judged, operation, highest)) return undefined
  return wrong(
    'answer',
    `${operation.event.type} was answered "${wordOf(operation)}", but the machine does not say so at any version from ${lowest} to ${highest}`,
  )
}

function isRemembered(
  { registered }: Court,
  { line }: Judged,
  { outcome, event }: Operation,
  highest: number,
) {
  const { definition } = registered
  if (outcome.kind !== 'refused') return false
  return line.snapshots
    .slice(0, highest)
    .some(snapshot => definition.refusePermanently(snapshot, event.type)?.reason === outcome.reason)
}

/** Whether only migrations are between the two versions, which are then the same for callers. */
function isAsOf({ journal }: Line, ifVersion: number, version: number): boolean {
  if (ifVersion > version) return false
  return journal.slice(ifVersion, version).every(({ event }) => event.type === MIGRATE)
}

function saysSo(court: Court, judged: Judged, operation: Operation, version: number): boolean {
  const { outcome, ifVersion } = operation
  const reason = outcome.kind === 'refused' ? outcome.reason : undefined
  if (reason === 'STALE_VERSION') return ifVersion !== undefined && ifVersion !== version
  if (ifVersion !== undefined && !isAsOf(judged.line, ifVersion, version)) return false
  return instantsOf(court, judged, operation, version).some(at =>
    decidesAt(court, judged, operation, version, at),
  )
}

function decidesAt(
  court: Court,
  { line }: Judged,
  operation: Operation,
  version: number,
  at: number,
): boolean {
  const { definition, stepper } = line.versions[version - 1] ?? court.registered
  const snapshot = line.snapshots[version - 1]
  if (snapshot === undefined) return false
  const { outcome } = operation
  const event: StampedEvent = { ...operation.event, at, uid: SOME_UID }
  const step = stepper.step(snapshot, event)
  if (step.kind === 'unchanged') {
    const refusal = definition.refuse(snapshot, event)
    return outcome.kind === 'refused' ? refusal?.reason === outcome.reason : refusal === undefined
  }
  if (outcome.kind !== 'refused') return false
  const held = new Set(definition.claims(snapshot))
  const taken = definition.claims(step.snapshot).filter(key => !held.has(key))
  return isClaimRefusal(court, operation, line.instance, taken)
}

/** Whether another instance may have held one of these keys while the caller waited, and the answer says so. */
export function isClaimRefusal(
  { registered, holds, endedAt }: Court,
  { outcome, calledAt, returnedAt }: Operation,
  instance: string | null,
  keys: readonly string[],
): boolean {
  if (outcome.kind !== 'refused') return false
  return keys.some(key =>
    possibleHolders(holds, key, instance, calledAt, returnedAt ?? endedAt).some(
      holder =>
        registered.definition.refuseClaim(key, holder).reason === outcome.reason &&
        (outcome.holder === undefined || outcome.holder === holder),
    ),
  )
}

/** An event that is not applied leaves no trace of its uid. */
const SOME_UID = '00000000-0000-7000-8000-000000000000'

/** Stamps that the event may have had: the ends of its window, and the due times of timers within it. */
function instantsOf(
  { startedAt, clockErrorMs, endedAt }: Court,
  { line }: Judged,
  { calledAt, returnedAt }: Operation,
  version: number,
): number[] {
  const least = line.journal[version - 1]?.at ?? 0
  const from = Math.floor(Math.max(least, startedAt + calledAt - clockErrorMs))
  const to = Math.ceil(Math.max(least, startedAt + (returnedAt ?? endedAt) + clockErrorMs))
  const { dueTimes } = line
  const first = countUpTo(dueTimes, due => due <= from)
  const within: number[] = []
  for (let i = first; i < dueTimes.length; i++) {
    const due = dueTimes[i] ?? to
    if (due >= to) break
    within.push(due - 1, due)
  }
  return [...new Set([from, to, ...within])]
}

function wordOf({ outcome }: Operation): string {
  return outcome.kind === 'refused' ? outcome.reason : outcome.kind
}

function machineWord(court: Court, judged: Judged, operation: Operation, version: number): string {
  const { definition, stepper } = judged.line.versions[version - 1] ?? court.registered
  const snapshot = judged.line.snapshots[version - 1]
  if (snapshot === undefined) return 'nothing'
  const { ifVersion } = operation
  if (ifVersion !== undefined && !isAsOf(judged.line, ifVersion, version)) return 'STALE_VERSION'
  const [at = 0] = instantsOf(court, judged, operation, version)
  const event: StampedEvent = { ...operation.event, at, uid: SOME_UID }
  if (stepper.step(snapshot, event).kind === 'moved') return 'applied'
  return definition.refuse(snapshot, event)?.reason ?? 'unchanged'
}
