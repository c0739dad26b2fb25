/*
 * Whether what a caller was told is what the machine says at some moment while it waited: at the version that the
 * answer names or, where it names none, at any that may have been the present one. What the stamp would have been is
 * not known of an event that was not applied, so the instants are tried at which a decision may change.
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
  /** When the last answer came: until then one that never came may have been under way. */
  readonly endedAt: number
  /** Whether refusals that nothing can undo may be given from memory, with the reason of an earlier moment. */
  readonly rememberedRefusals: boolean
}

/** What is wrong with the answer to an operation on an instance whose transitions are known. */
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
        return wrong('answer', `asked to apply to version ${ifVersion}, and made version ${outcome.version}`)
      }
      return undefined
    }
    case 'read':
    case 'unchanged':
    case 'refused': {
      if (outcome.version === undefined) return judgeAnywhen(court, judged, operation, wrong)
      const { version } = outcome
      if (version > line.journal.length)
        return wrong('history', `was told of version ${version}, which is not there`)
      const next = bounds.latest[version]
      if (next !== undefined && next < operation.calledAt) {
        return wrong(
          'order',
          `was told "${wordOf(operation)}" as of version ${version}; version ${version + 1} had been answered before it asked`,
        )
      }
      if (outcome.kind === 'read' || version > line.snapshots.length) return undefined
      if (saysSo(court, judged, operation, version)) return undefined
      return wrong(
        'answer',
        `${operation.event.type} was answered "${wordOf(operation)}" at version ${version}; the machine says "${machineWord(court, judged, operation, version)}"`,
      )
    }
    default:
      return undefined
  }
}

type Wrong = (rule: Violation['rule'], message: string) => Violation

/** The answer names no version: one must fit of those that may have been the present one while the caller waited. */
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
    `${operation.event.type} was answered "${wordOf(operation)}"; at no version from ${lowest} to ${highest} does the machine say so`,
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

/** Whether nothing but migrations lies between the two: for callers they are the same. */
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

/** Whether one of these keys may have been in another's hands while the caller waited, and the answer says so. */
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

/** An event that is not applied leaves its uid nowhere. */
const SOME_UID = '00000000-0000-7000-8000-000000000000'

/** Stamps that the event may have had: the ends of its window, and what falls due within it. */
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
