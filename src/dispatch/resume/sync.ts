/*
 * Returns what a client missed. Events do not become visible in the order of their ids: one commit takes longer than
 * another, and a dead process leaves a delivery to others. So no id means that everything before it has arrived. But
 * one thing holds: an event that was not delivered before the last one the client saw was recorded, or marked late, not
 * long before that one. So everything from shortly before that event on is read. Some of it is read twice, and clients
 * drop the ids that they know.
 * The answer is in the order in which events were recorded. Wherever the client is cut off, the last id that it got is
 * again a point from which nothing is missed. For the same reason offers come last.
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
 * How long before the last event seen a missed one may have been recorded or marked late. Deliveries later than 5 s are
 * marked first, and leases expire after 5 s. So no delivery is further than this behind its record or its mark.
 */
export const OVERLAP_MICROS: Micros = 10_000_000
/** Events of one answer: at most some 200 KB of trips. */
export const SYNC_PAGE = 200
/** Offers of one answer, newest first. */
const MAX_OFFERS = 200
/** Requests of an answer after a long absence. Nobody has more in progress. */
const MAX_LIVE = 100
/** The end of a request older than its time to seek and this has been sent to everyone that was offered it. */
const OFFERS_END_AFTER_MS = 24 * 3_600_000

export type Synced =
  | {
      readonly resync: false
      readonly events: readonly Envelope[]
      /** Where to continue: at once if there is more, or else after the next absence. */
      readonly next: string
      readonly hasMore: boolean
    }
  /** The point is unknown or too old. What the client has is void; `broadcasts` is the present state. */
  | { readonly resync: true; readonly broadcasts: readonly BroadcastView[]; readonly next: string }

export interface SyncRequest {
  /** Without a point nothing has been missed yet, and the answer's `next` is the present. */
  readonly after?: string | undefined
  /** Return what the room of this request was sent, instead of what was sent to the caller itself. */
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

/** Events before this may be deleted, or be deleted while they are read. */
function keptSince({ settings }: PartsWithEngine, now: Micros, sweptBefore: Micros | null): Micros {
  return Math.max(sweptBefore ?? 0, now - settings.eventRetentionMs * 1000)
}

/** The time from which events are read. `null` if it is unknown. */
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

/** The envelope that the event was for the caller, with no more of its trip than the caller may see now. */
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
 * All live offers, whenever they were made. If a process dies between recording an offer and sending it, this sends it.
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

/** The present state, for a client that has to start anew. */
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
