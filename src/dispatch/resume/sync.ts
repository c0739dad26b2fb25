/*
 * What a client missed. Events become visible out of the order of their ids (a commit that took longer, a delivery that
 * a dead process left to others), so no id says "all before me". What can be said: an event that was not delivered
 * before the one the client saw last was recorded, or marked late, not long before that one. So everything since then
 * is read, some of it for the second time, and clients drop the ids they know.
 * What is answered is in the order in which it was recorded: wherever the client is cut off, the last id it has got is
 * again a point from which nothing is missed. Offers come last, for the same reason.
 */

import { readerOf } from '../access.js'
import type { Said } from '../announcements/announcements.js'
import { isToldTo, isToldWatching } from '../announcements/audience.js'
import { wordingOf } from '../announcements/wording.js'
import { asBroadcast } from '../broadcasts/broadcast.js'
import { findReadable } from '../broadcasts/broadcasts.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import type { BroadcastRecord, Envelope, Micros, ResumedEvent, ResumeQuery } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import { hasEnded, offerEnvelope, wholeKm } from '../reach/offers.js'
import { broadcastView } from '../views/broadcast-view.js'
import type { BroadcastView } from '../views/views.js'
import { momentPoint, type Point, pagePoint, parsePoint } from './points.js'

/**
 * How far before the last event seen a missed one may have been recorded or marked late. Deliveries later than 5 s
 * are marked first, leases run out after 5 s: no delivery is further than this behind its record or its mark.
 */
export const OVERLAP_MICROS: Micros = 10_000_000
/** Events of one answer: some 200 KB of trips at most. */
export const SYNC_PAGE = 200
/** As many as a catch-up offers. */
const MAX_OFFERS = 200
/** Requests of an answer after a long absence: more than anyone has under way. */
const MAX_LIVE = 100
/** A request older than its time to seek and this has been told ended to those who were offered it. */
const OFFERS_END_AFTER_MS = 24 * 3_600_000

export type Synced =
  | {
      readonly resync: false
      readonly events: readonly Envelope[]
      /** From where to go on: at once when there is more, else after the next absence. */
      readonly next: string
      readonly hasMore: boolean
    }
  /** The point is unknown or too old: what the client has is void, this is what stands now. */
  | { readonly resync: true; readonly broadcasts: readonly BroadcastView[]; readonly next: string }

export interface SyncRequest {
  /** Without it nothing is missed yet: the answer's `next` is the present. */
  readonly after?: string | undefined
  /** What is told in the room of this request, instead of what is told to the caller itself. */
  readonly watching?: string | undefined
}

export async function sync(
  parts: PartsWithEngine,
  caller: Caller,
  { after, watching }: SyncRequest,
): Promise<Result<Synced>> {
  if (watching !== undefined && (await findReadable(parts, caller, watching)) === undefined) {
    return problem('NOT_FOUND')
  }
  const point = after === undefined ? undefined : parsePoint(after)
  const mark = point?.kind === 'mark' ? point.mark : undefined
  const { now, sweptBefore, markedAt } = await parts.resume.moment(mark, readerOf(caller))
  if (after === undefined) return ok({ resync: false, events: [], next: momentPoint(now), hasMore: false })

  const since = point === undefined ? null : sinceOf(point, now, markedAt)
  if (point === undefined || since === null || since < keptSince(parts, now, sweptBefore)) {
    const broadcasts = await standing(parts, caller, watching)
    return ok({ resync: true, broadcasts, next: momentPoint(now) })
  }
  const begunAt = point.kind === 'page' ? Math.min(point.begunAt, now) : now
  const position = point.kind === 'page' ? point.after : undefined
  const found = await read(parts, caller, watching, { since, after: position, limit: SYNC_PAGE + 1 })
  const page = found.slice(0, SYNC_PAGE)
  const events = page.flatMap(event => tell(event, caller, watching))
  const last = page.at(-1)
  if (found.length > SYNC_PAGE && last !== undefined) {
    return ok({ resync: false, events, next: pagePoint(since, begunAt, last), hasMore: true })
  }
  const offers = watching === undefined ? await liveOffers(parts, caller) : []
  return ok({ resync: false, events: [...events, ...offers], next: momentPoint(begunAt), hasMore: false })
}

/** Before this events may be gone, or go while they are read. */
function keptSince({ settings }: PartsWithEngine, now: Micros, sweptBefore: Micros | null): Micros {
  return Math.max(sweptBefore ?? 0, now - settings.eventRetentionMs * 1000)
}

/** From when on events are read; `null` when nobody knows. */
function sinceOf(point: Point, now: Micros, markedAt: Micros | null): Micros | null {
  switch (point.kind) {
    case 'mark':
      return markedAt === null ? null : markedAt - OVERLAP_MICROS
    case 'moment':
      return Math.min(point.at, now) - OVERLAP_MICROS
    case 'page':
      return Math.min(point.since, now)
  }
}

function read(
  { resume, settings }: PartsWithEngine,
  caller: Caller,
  watching: string | undefined,
  query: ResumeQuery,
): Promise<readonly ResumedEvent[]> {
  if (watching !== undefined) return resume.eventsIn(watching, query)
  const offersSince = query.since - (settings.broadcastTimeoutMs + OFFERS_END_AFTER_MS) * 1000
  return resume.eventsOf(caller, { ...query, offersSince })
}

/** What the event said to the caller, with no more of its trip than the caller may see now. */
function tell(resumed: ResumedEvent, caller: Caller, watching: string | undefined): Envelope[] {
  const { request, isOffered } = resumed
  const { concerned, said } = wordingOf(resumed, request, resumed.tripStatus)
  const isTold = ({ to }: Said) =>
    watching === undefined
      ? isToldTo(caller, to, concerned, isOffered)
      : isToldWatching(caller, to, concerned)
  return said.filter(isTold).map(({ envelope }) => envelope)
}

/**
 * All live offers, whenever they were made: a process that dies between making an offer and telling it leaves the
 * telling to this.
 */
async function liveOffers({ resume, engine }: PartsWithEngine, caller: Caller): Promise<readonly Envelope[]> {
  if (caller.role !== 'transporter') return []
  const now = engine.now()
  const offers = await resume.liveOffers(caller.id, MAX_OFFERS)
  return offers.flatMap(({ instance, notified, distanceKm }) => {
    const broadcast = asBroadcast(engine.restore(instance))
    if (hasEnded(engine, broadcast)) return []
    return [offerEnvelope(broadcast, { notified, shownKm: wholeKm(distanceKm) }, now)]
  })
}

/** What stands now, for a client that has to begin anew. */
async function standing(
  parts: PartsWithEngine,
  caller: Caller,
  watching: string | undefined,
): Promise<readonly BroadcastView[]> {
  const { engine, resume } = parts
  const found: readonly (BroadcastRecord | undefined)[] =
    watching === undefined
      ? await resume.liveOf(caller, MAX_LIVE)
      : [await findReadable(parts, caller, watching)]
  return found.flatMap(record => {
    if (record === undefined) return []
    const { instance, ...rest } = record
    return [broadcastView(caller, asBroadcast(engine.restore(instance)), rest, engine.now())]
  })
}
