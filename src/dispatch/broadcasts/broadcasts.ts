/* Reads requests, and sends events to them. */

import { defined } from '../../types/defined.js'
import { actorOf, readerOf } from '../access.js'
import type { BroadcastEventAnswer, Page, SendOptions } from '../answers.js'
import { decodeCursor, idCursor, pageOf, versionCursor } from '../cursors.js'
import type { PartsWithEngine } from '../parts.js'
import { type Caller, readsAll } from '../person.js'
import type { BroadcastListOptions, BroadcastRecord, Found } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import type { BroadcastEvent, PageQuery } from '../requests.js'
import { broadcastView } from '../views/broadcast-view.js'
import { isoTime } from '../views/trip-view.js'
import type { BroadcastView, HistoryItem } from '../views/views.js'
import { accept } from './accept.js'
import { asBroadcast } from './broadcast.js'
import { cancel } from './cancel.js'
import { decline } from './decline.js'
import type { RefusedAccepts } from './refused-accepts.js'

/** The request, if the caller may read it. Otherwise `undefined`, so that ids cannot be probed. */
export function findReadable(
  { reads }: PartsWithEngine,
  caller: Caller,
  id: string,
): Promise<BroadcastRecord | undefined> {
  return reads.findBroadcast(id, readerOf(caller))
}

function viewOf({ engine }: PartsWithEngine, caller: Caller, record: BroadcastRecord): BroadcastView {
  const { instance, ...standing } = record
  return broadcastView(caller, asBroadcast(engine.restore(instance)), standing, engine.now())
}

export async function getBroadcast(
  parts: PartsWithEngine,
  caller: Caller,
  id: string,
): Promise<Result<BroadcastView>> {
  const found = await findReadable(parts, caller, id)
  return found === undefined ? problem('NOT_FOUND') : ok(viewOf(parts, caller, found))
}

export async function listBroadcasts(
  parts: PartsWithEngine,
  caller: Caller,
  { limit, cursor, status }: PageQuery & { status?: string | undefined },
): Promise<Result<Page<BroadcastView>>> {
  const before = decodeCursor(idCursor, cursor)
  if (!before.ok) return before
  const found = await listFor(parts, caller, {
    limit: limit + 1,
    ...defined({ status, before: before.value }),
  })
  return ok(
    pageOf(
      found,
      limit,
      record => record.instance.id,
      record => viewOf(parts, caller, record),
    ),
  )
}

/**
 * A customer gets its own requests, a transporter its live offers that it has not declined, an admin or a viewer all.
 */
async function listFor(
  { reads }: PartsWithEngine,
  caller: Caller,
  options: BroadcastListOptions,
): Promise<Found<BroadcastRecord>> {
  if (readsAll(caller)) return reads.listAll(options)
  if (caller.role === 'customer') return reads.listOwned(caller.id, options)
  return { items: await reads.listLiveOffers(caller.id, options) }
}

export async function sendToBroadcast(
  parts: PartsWithEngine & { readonly refusedAccepts: RefusedAccepts },
  caller: Caller,
  id: string,
  event: BroadcastEvent,
  options: SendOptions = {},
): Promise<Result<BroadcastEventAnswer>> {
  switch (event.type) {
    case 'accept': {
      const answer = await accept(parts, caller, id, event, options)
      if (!answer.ok) {
        const { driverId, vehicleId } = event
        parts.refusedAccepts.note(
          { transporterId: caller.id, broadcastId: id, driverId, vehicleId },
          answer.problem.code,
        )
      }
      return answer
    }
    case 'cancel':
      return cancel(parts, caller, id, event, options)
    case 'decline':
      return decline(parts, caller, id, event, options)
  }
}

/** The journal, oldest first. Its events are complete, so that they can be replayed. */
export async function history(
  parts: PartsWithEngine,
  caller: Caller,
  id: string,
  { limit, cursor }: PageQuery,
): Promise<Result<Page<HistoryItem>>> {
  const after = decodeCursor(versionCursor, cursor)
  if (!after.ok) return after
  if ((await findReadable(parts, caller, id)) === undefined) return problem('NOT_FOUND')
  const entries = await parts.engine.history(id, { after: after.value ?? 0, limit: limit + 1 })
  return ok(
    pageOf(
      { items: entries },
      limit,
      entry => entry.version,
      ({ version, event, status, at, actor }) => ({
        version,
        event,
        status,
        at: isoTime(at),
        // Only administrators see why an administrator stepped in.
        actor: readsAll(caller) ? actor : actorOf(actor),
      }),
    ),
  )
}
