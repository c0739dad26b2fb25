import type { Engine } from '../../runtime/api.js'
import type { DeadLetter } from '../../runtime/dead-letters.js'
import { defined } from '../../types/defined.js'
import type { Page } from '../answers.js'
import { decodeCursor, numberCursor, pageOf } from '../cursors.js'
import type { Caller } from '../person.js'
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
    ...defined({ before: before.value }),
  })
  return ok(pageOf({ items: letters }, limit, letter => letter.id, deadLetterView))
}

/**
 * Drops a dead letter: it is never delivered. If two administrators drop or redrive the same one, the second gets 404.
 */
export function dropDeadLetter(
  parts: RecordParts & { readonly engine: Engine },
  caller: Caller,
  id: number,
  { reason }: { reason?: string | undefined },
): Promise<Result<{ id: string; dropped: true }>> {
  const why = defined({ reason })
  const action = { action: 'dead_letter.drop', target: String(id), detail: {}, ...why }
  return onRecord(parts, caller, action, async () =>
    (await parts.engine.drop(id)) ? ok({ id: String(id), dropped: true as const }) : problem('NOT_FOUND'),
  )
}

/** Delivers a dead letter again, from the first attempt on. If two administrators redrive it, the second gets 404. */
export function redriveDeadLetter(
  parts: RecordParts & { readonly engine: Engine; readonly pushes: Pick<PushQueue, 'redrive'> },
  caller: Caller,
  id: number,
  { reason }: { reason?: string | undefined },
): Promise<Result<{ id: string; redriven: true }>> {
  const why = defined({ reason })
  const action = { action: 'dead_letter.redrive', target: String(id), detail: {}, ...why }
  return onRecord(parts, caller, action, async () =>
    (await parts.engine.redrive(id)) || (await parts.pushes.redrive(id))
      ? ok({ id: String(id), redriven: true as const })
      : problem('NOT_FOUND'),
  )
}

function deadLetterView(letter: DeadLetter): DeadLetterView {
  const named = { id: String(letter.id), diedAt: isoTime(letter.diedAt) }
  return letter.kind === 'delivery'
    ? { ...letter, ...named }
    : { ...letter, ...named, dueAt: isoTime(letter.dueAt) }
}
