/* The API's answers after the show: every request as its customer sees it, every trip as its transporter sees it. */
import type { BroadcastView, TripView } from '../src/dispatch/views/views.js'
import type { ApiClient } from './api-client.js'
import { inParallel, type Stage } from './stage.js'

export interface Outcome {
  readonly requests: ReadonlyMap<string, BroadcastView>
  readonly trips: ReadonlyMap<string, TripView>
}

/** Concurrent reads: quick without a burst, because the measurements are over. */
const READERS = 16

export async function readOutcome(stage: Stage): Promise<Outcome> {
  const { ledger } = stage
  const apis = new Map<string, ApiClient>()
  const apiOf = async (id: string, role: 'customer' | 'transporter') => {
    const api = apis.get(id) ?? (await stage.apiOf({ id, role }))
    apis.set(id, api)
    return api
  }

  const requests = new Map<string, BroadcastView>()
  await inParallel(ledger.requests, READERS, async ({ id, customerId }) => {
    const view = await readEnded(await apiOf(customerId, 'customer'), id)
    if (view !== undefined) requests.set(id, view)
  })

  const trips = new Map<string, TripView>()
  await inParallel(ledger.accepts, READERS, async ({ assignment, transporterId }) => {
    if (assignment === undefined) return
    const api = await apiOf(transporterId, 'transporter')
    const { body } = await api.call<TripView>({ method: 'GET', path: `/api/v1/trips/${assignment.tripId}` })
    if (body !== undefined) trips.set(body.id, body)
  })
  return { requests, trips }
}

/** Cancels a request that outlived the show, so that nothing of ours keeps searching on a shared server. */
async function readEnded(api: ApiClient, id: string): Promise<BroadcastView | undefined> {
  const path = `/api/v1/broadcasts/${id}`
  const { body } = await api.call<BroadcastView>({ method: 'GET', path })
  if (body?.status !== 'searching' && body?.status !== 'partially_filled') return body
  await api.call({
    method: 'PUT',
    path: `/api/v1/booking/${id}/cancel`,
    body: { reason: 'The show is over' },
    expected: ['BROADCAST_EXPIRED', 'TOO_LATE_TO_CANCEL'],
  })
  return (await api.call<BroadcastView>({ method: 'GET', path })).body
}
