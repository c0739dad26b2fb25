/* Compares the requests that each process shows with the database. */
import { call } from '../server/clients.js'
import { tokenFor } from '../server/tokens.js'
import type { Query } from './run-once.js'

export interface Request {
  readonly broadcastId: string
  readonly customerId: string
}

/** Describes each request that a process shows differently from the database. No request may change meanwhile. */
export async function findStaleViews(
  urls: readonly string[],
  query: Query,
  requests: readonly Request[],
): Promise<string[]> {
  const unique = [...new Map(requests.map(request => [request.broadcastId, request])).values()]
  const rows = await query<{ id: string; status: string; version: number }>(
    'select id, status, version from instances where id = any($1::uuid[])',
    [unique.map(({ broadcastId }) => broadcastId)],
  )
  const held = new Map(rows.map(({ id, status, version }) => [id, `${status} version ${version}`]))
  const stale: string[] = []
  for (const { broadcastId, customerId } of unique) {
    const expected = held.get(broadcastId) ?? '404'
    const headers = { authorization: `Bearer ${await tokenFor('customer', customerId)}` }
    for (const url of urls) {
      const { status, body } = await call(url, 'GET', `/api/v1/broadcasts/${broadcastId}`, { headers })
      const shown = status === 200 ? `${body.status} version ${body.version}` : String(status)
      if (shown !== expected) stale.push(`${url} shows ${broadcastId} as ${shown}; held is ${expected}`)
    }
  }
  return stale
}
