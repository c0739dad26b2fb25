import { defined } from '../../types/defined.js'
import type { Page } from '../answers.js'
import { decodeCursor, idCursor, pageOf } from '../cursors.js'
import type { Caller } from '../person.js'
import type { AnswerRecord, AnswerStore } from '../ports.js'
import { ok, type Result } from '../problems.js'
import type { PageQuery } from '../requests.js'
import { isoTime } from '../views/trip-view.js'
import type { AnswerView } from '../views/views.js'

/** A transporter's accepts, declines and refusals, newest first. */
export async function listAnswers(
  { answers }: { answers: AnswerStore },
  caller: Caller,
  { limit, cursor }: PageQuery,
): Promise<Result<Page<AnswerView>>> {
  const before = decodeCursor(idCursor, cursor)
  if (!before.ok) return before
  const records = await answers.list(caller.id, {
    limit: limit + 1,
    ...defined({ before: before.value }),
  })
  return ok(pageOf({ items: records }, limit, answer => answer.id, answerView))
}

function answerView({ outcome, tripStatus, id, ...facts }: AnswerRecord): AnswerView {
  const at = isoTime(timeOf(id))
  if (outcome === 'DECLINED') return { id, at, type: 'decline', outcome: 'applied', ...facts }
  if (tripStatus === undefined) return { id, at, type: 'accept', outcome: 'refused', code: outcome, ...facts }
  return { id, at, type: 'accept', outcome: 'applied', tripId: id, tripStatus, ...facts }
}

/** Milliseconds since the epoch: the first 48 bits of a UUIDv7 (RFC 9562 §5.7). */
const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
