import type { Engine } from '../../runtime/api.js'
import type { DeadLetter } from '../../runtime/ports.js'
import type { Caller, Page } from '../api.js'
import { decodeCursor, numberCursor, pageOf } from '../cursors.js'
import type { PushQueue } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import type { PageQuery } from '../requests.js'
import type { DeadLetterView } from '../views/admin-views.js'
import { isoTime } from '../views/trip-view.js'
import { onRecord, type RecordParts } from './on-record.js'

export async function listDeadLetters(
  { engine }: { engine: Engine },
  _caller: Caller,
  { limit, cursor }: PageQuery,
): Promise<Result<Page<DeadLetterView>>> {
  const before = decodeCursor(numberCursor, cursor)
  if (!before.ok) return before
  const letters = await engine.deadLetters({
    limit: limit + 1,
    ...(before.value === undefined ? {} : { before: before.value }),
  })
  return ok(pageOf({ items: letters }, limit, letter => letter.id, deadLetterView))
}

/** Tried again from the first attempt on; of two who redrive the same one the second finds nothing. */
export function redriveDeadLetter(
  parts: RecordParts & { readonly engine: Engine; readonly pushes: Pick<PushQueue, 'redrive'> },
  caller: Caller,
  id: number,
  { reason }: { reason?: string | undefined },
): Promise<Result<{ id: string; redriven: true }>> {
  const why = reason === undefined ? {} : { reason }
  const action = { action: 'dead_letter.redrive', target: String(id), detail: {}, ...why }
  return onRecord(parts, caller, action, async () =>
    (await parts.engine.redrive(id)) || (await parts.pushes.redrive(id))
      ? ok({ id: String(id), redriven: true as const })
      : problem('NOT_FOUND'),
  )
}

function deadLetterView({ id, diedAt, ...letter }: DeadLetter): DeadLetterView {
  return { ...letter, id: String(id), diedAt: isoTime(diedAt) }
}
