import { defined } from '../../types/defined.js'
import type { Page } from '../answers.js'
import { decodeCursor, idCursor, pageOf } from '../cursors.js'
import type { Caller } from '../person.js'
import type { AdminActionRecord, AdminStore } from '../ports.js'
import { ok, type Result } from '../problems.js'
import type { PageQuery } from '../requests.js'
import type { AdminActionView } from '../views/admin-views.js'
import { isoTime } from '../views/trip-view.js'

/** What administrators did, newest first. */
export async function listActions(
  { admin }: { admin: AdminStore },
  _caller: Caller,
  { limit, cursor, adminId }: PageQuery & { adminId?: string | undefined },
): Promise<Result<Page<AdminActionView>>> {
  const before = decodeCursor(idCursor, cursor)
  if (!before.ok) return before
  const actions = await admin.listActions({
    limit: limit + 1,
    ...defined({ before: before.value, adminId }),
  })
  return ok(pageOf({ items: actions }, limit, action => action.id, actionView))
}

function actionView(record: AdminActionRecord): AdminActionView {
  const { reason, outcome, begunAt, settledAt, ...action } = record
  return {
    ...action,
    ...(reason === null ? {} : { reason }),
    begunAt: isoTime(begunAt),
    ...(outcome === null ? {} : { outcome }),
    ...(settledAt === null ? {} : { settledAt: isoTime(settledAt) }),
  }
}
