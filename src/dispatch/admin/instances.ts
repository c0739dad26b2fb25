/* Instances as they are stored, and commands that skip the product's rules but never the machine's. */
import type { Engine } from '../../runtime/api.js'
import { defined } from '../../types/defined.js'
import { keyed } from '../access.js'
import type { InstanceEventAnswer, Page, SendOptions } from '../answers.js'
import { decodeCursor, idCursor, pageOf } from '../cursors.js'
import type { Caller } from '../person.js'
import type { InstanceDetail, InstanceFilter, InstanceSummary } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import { problemOfRefusal } from '../refusals.js'
import type { InstanceEvent, PageQuery } from '../requests.js'
import type { InstanceDetailView, InstanceSummaryView } from '../views/admin-views.js'
import { isoTime } from '../views/trip-view.js'
import { onRecord, type RecordParts } from './on-record.js'

interface InstanceParts extends RecordParts {
  readonly engine: Engine
}

export async function listInstances(
  { admin }: InstanceParts,
  _caller: Caller,
  { limit, cursor, ...filter }: PageQuery & InstanceFilter,
): Promise<Result<Page<InstanceSummaryView>>> {
  const before = decodeCursor(idCursor, cursor)
  if (!before.ok) return before
  const found = await admin.listInstances(filter, {
    limit: limit + 1,
    ...defined({ before: before.value }),
  })
  return ok(pageOf(found, limit, instance => instance.id, summaryView))
}

export async function getInstance(
  { admin }: InstanceParts,
  _caller: Caller,
  id: string,
): Promise<Result<InstanceDetailView>> {
  const instance = await admin.findInstance(id)
  return instance === undefined ? problem('NOT_FOUND') : ok(detailView(instance))
}

/** Sends any command of the machine. Its reason is in the journal. */
export async function sendToInstance(
  parts: InstanceParts,
  caller: Caller,
  id: string,
  { event, reason }: InstanceEvent,
  { ifVersion, key }: SendOptions = {},
): Promise<Result<InstanceEventAnswer>> {
  const action = { action: 'instance.event', target: id, reason, detail: { event } }
  return onRecord(
    parts,
    caller,
    action,
    async () => {
      const outcome = await parts.engine.send(id, event, {
        actor: { id: caller.id, role: caller.role, reason },
        ...defined({ ifVersion }),
        ...keyed(key),
      })
      if (outcome.kind === 'replayed') return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
      if (outcome.kind === 'refused') return problemOfRefusal(outcome.refusal)
      return ok(instanceEventAnswer(outcome.kind, outcome.instance))
    },
    answer => answer.outcome,
  )
}

export function instanceEventAnswer(
  outcome: InstanceEventAnswer['outcome'],
  instance: Omit<InstanceSummary, 'definitionVersion'>,
): InstanceEventAnswer {
  return { outcome, version: instance.version, instance: instanceView(instance) }
}

function instanceView(instance: Omit<InstanceSummary, 'definitionVersion'>): InstanceEventAnswer['instance'] {
  const { id, machine, version, status, owner, createdAt, updatedAt } = instance
  return { id, machine, version, status, owner, createdAt: isoTime(createdAt), updatedAt: isoTime(updatedAt) }
}

function summaryView(instance: InstanceSummary): InstanceSummaryView {
  return { ...instanceView(instance), definitionVersion: instance.definitionVersion }
}

function detailView({ timers, undelivered, journal, ...instance }: InstanceDetail): InstanceDetailView {
  return {
    ...summaryView(instance),
    snapshot: instance.snapshot,
    timers: timers.map(({ dueAt, parked, leasedUntil, attempts, error, ...timer }) => ({
      ...timer,
      ...(attempts === 0 ? {} : { attempts }),
      ...(error === null ? {} : { error }),
      ...(dueAt === null ? {} : { dueAt: isoTime(dueAt) }),
      ...(parked === null ? {} : { parked }),
      ...(leasedUntil === null ? {} : { leasedUntil: isoTime(leasedUntil) }),
    })),
    claims: instance.claims,
    undelivered: undelivered.map(({ dueAt, ...delivery }) => ({ ...delivery, dueAt: isoTime(dueAt) })),
    journal: journal.map(({ at, ...entry }) => ({ ...entry, at: isoTime(at) })),
  }
}
