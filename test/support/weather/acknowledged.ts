import type { Acknowledged } from './load.js'
import type { Query } from './run-once.js'

/** The journal event of each kind of write. */
const EVENTS: Readonly<Record<Acknowledged['what'], string>> = {
  create: 'xstate.init',
  accept: 'accept',
  cancel: 'cancel',
  start: 'trip.start',
  complete: 'trip.complete',
}

/** Describes each acknowledged write that the database does not hold. */
export async function findLost(query: Query, acknowledged: readonly Acknowledged[]): Promise<string[]> {
  const journal = await query<{ instance: string; type: string }>(
    `select instance, event_json->>'type' as type from journal where instance = any($1::uuid[])`,
    [[...new Set(acknowledged.map(({ broadcastId }) => broadcastId))]],
  )
  const written = new Set(journal.map(({ instance, type }) => `${type} ${instance}`))
  const trips = await query<{ id: string; status: string }>('select id, status from trips')
  const statuses = new Map(trips.map(({ id, status }) => [id, status]))
  return acknowledged.flatMap(one => {
    const { what, broadcastId, tripId, version } = one
    const status = tripId === undefined ? undefined : statuses.get(tripId)
    const isHeld =
      written.has(`${EVENTS[what]} ${broadcastId}`) && (tripId === undefined || isReached(what, status))
    return isHeld
      ? []
      : [
          `${what} of ${broadcastId} version ${version}${tripId === undefined ? '' : `, trip ${tripId} ${status}`}`,
        ]
  })
}

/** A trip may have advanced since, but never gone back. */
function isReached(what: Acknowledged['what'], status: string | undefined): boolean {
  if (status === undefined) return false
  if (what === 'start') return ['started', 'completed'].includes(status)
  return what !== 'complete' || status === 'completed'
}
