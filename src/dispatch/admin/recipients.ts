/*
 * Why a transporter was offered a request, or was not. A transporter that a step of the reach found has a row, with the
 * reason if it was passed over. A transporter that no step found has no row. For such a one the answer is what excludes
 * it now.
 */
import { openTypes } from '../../machines/index.js'
import type { Engine } from '../../runtime/api.js'
import { defined } from '../../types/defined.js'
import type { Page } from '../answers.js'
import { asBroadcast } from '../broadcasts/broadcast.js'
import { clientIdCursor, decodeCursor, pageOf } from '../cursors.js'
import type { Caller } from '../person.js'
import type { AdminStore, Presence, RecipientRecord } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import { distanceKm } from '../reach/distance.js'
import { wholeKm } from '../reach/offers.js'
import type { PageQuery } from '../requests.js'
import type { RecipientView } from '../views/admin-views.js'
import { isoTime } from '../views/trip-view.js'

interface RecipientParts {
  readonly engine: Engine
  readonly admin: AdminStore
  readonly presence: Presence
}

export interface RecipientQuery extends PageQuery {
  readonly transporterId?: string | undefined
  readonly isOffered?: boolean | undefined
}

/** Sorted by id. Times of offers can change while a client turns the pages; ids cannot. */
export async function listRecipients(
  parts: RecipientParts,
  _caller: Caller,
  id: string,
  { limit, cursor, transporterId, isOffered }: RecipientQuery,
): Promise<Result<Page<RecipientView>>> {
  const after = decodeCursor(clientIdCursor, cursor)
  if (!after.ok) return after
  if (!(await parts.admin.isBroadcast(id))) return problem('NOT_FOUND')
  const records = await parts.admin.listRecipients(id, {
    limit: limit + 1,
    ...defined({ after: after.value, transporterId, isOffered }),
  })
  if (
    records.length === 0 &&
    transporterId !== undefined &&
    isOffered !== true &&
    after.value === undefined
  ) {
    return ok({ items: [await explain(parts, id, transporterId)], nextCursor: null })
  }
  return ok(pageOf({ items: records }, limit, record => record.transporterId, recipientView))
}

function recipientView(record: RecipientRecord): RecipientView {
  const { transporterId, step, offeredAt, reason, declinedAt, declineReason } = record
  // Exact distances from a few pickups would reveal where a driver is.
  const distanceKm = wholeKm(record.distanceKm)
  return {
    transporterId,
    isOffered: offeredAt !== null,
    step,
    ...defined({ distanceKm }),
    ...(offeredAt === null ? {} : { offeredAt: isoTime(offeredAt) }),
    ...(reason === null ? {} : { reason }),
    ...(declinedAt === null ? {} : { declinedAt: isoTime(declinedAt) }),
    ...(declineReason === null ? {} : { declineReason }),
    isOnRecord: true,
  }
}

async function explain(parts: RecipientParts, id: string, transporterId: string): Promise<RecipientView> {
  return { transporterId, isOffered: false, isOnRecord: false, ...(await whyNot(parts, id, transporterId)) }
}

async function whyNot(
  { engine, admin, presence }: RecipientParts,
  id: string,
  transporterId: string,
): Promise<{ reason?: string; distanceKm?: number }> {
  const [instance, facts, present, drivers] = await Promise.all([
    engine.get(id),
    admin.transporterFacts(transporterId),
    presence.presentAmong([transporterId]),
    presence.driversOf(transporterId),
  ])
  if (instance === undefined) return {}
  const { context } = asBroadcast(instance).snapshot
  const asked = new Set(context.trucks.map(truck => truck.vehicleType))
  if (!facts.isKnown) return { reason: 'unknown_transporter' }
  if (!facts.isActive) return { reason: 'user_inactive' }
  if (!facts.vehicleTypes.some(type => asked.has(type))) return { reason: 'no_matching_vehicle' }
  if (!facts.isAvailable) return { reason: 'not_available' }
  if (!present.has(transporterId)) return { reason: 'transporter_not_present' }
  const open = openTypes(context)
  if (!facts.vehicleTypes.some(type => open.includes(type))) return { reason: 'trucks_of_its_types_taken' }
  const distances = drivers
    .filter(driver => asked.has(driver.vehicleType))
    .map(driver => distanceKm(context.pickup, driver))
  if (distances.length === 0) return { reason: 'no_driver_online' }
  return { reason: 'no_driver_near_in_time', distanceKm: Math.round(Math.min(...distances)) }
}
