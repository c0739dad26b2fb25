import { v7 as uuidv7 } from 'uuid'
import { atCap } from '../caps.js'
import type { DispatchLog, DispatchSettings } from '../parts.js'
import type { Caller } from '../person.js'
import type { AdminAction, AdminStore } from '../ports.js'
import type { Result } from '../problems.js'
import { expectingFailures } from '../refusals.js'

export interface RecordParts {
  readonly admin: AdminStore
  readonly log: DispatchLog
  readonly settings: Pick<DispatchSettings, 'caps'>
}

/**
 * Runs an administrator's action on record. First a row is written that says what shall be done, then the action runs,
 * and then its outcome is added. So no action lacks a row. A process that dies in between leaves a row without an
 * outcome, and the journal of the instance shows the rest.
 */
export async function onRecord<T>(
  { admin, log, settings }: RecordParts,
  caller: Caller,
  action: Omit<AdminAction, 'id' | 'adminId'>,
  work: () => Promise<Result<T>>,
  outcomeOf: (value: T) => string = () => 'applied',
): Promise<Result<T>> {
  const id = uuidv7()
  const perHour = settings.caps.adminActionsPerHour
  const waitMs = await admin.beginAction({ ...action, id, adminId: caller.id }, perHour)
  if (waitMs !== undefined)
    return atCap(`At most ${perHour} actions of an administrator within an hour`, waitMs)
  const result = await expectingFailures(work())
  const outcome = result.ok ? outcomeOf(result.value) : result.problem.code
  await admin
    .settleAction(id, outcome)
    .catch(error =>
      log.warn({ err: error, action: id, outcome }, 'the outcome of an action could not be recorded'),
    )
  return result
}
