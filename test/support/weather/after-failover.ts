/* What customers must be able to do soon after a failover, whatever it lost. */
import { asking } from '../server/fleet.js'
import { tokenFor } from '../server/tokens.js'
import type { User } from '../storm/processes.js'
import type { Query } from './run-once.js'

/** Describes each customer who can neither create a request through this process nor has one that is searching. */
export async function findStuckCustomers(
  urls: readonly string[],
  query: Query,
  customers: readonly User[],
): Promise<string[]> {
  const stuck = await Promise.all(
    customers.map(async ({ id }, i) => {
      const url = urls[i % urls.length]
      const response = await fetch(`${url}/api/v1/broadcasts`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await tokenFor('customer', id)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(asking(1, 'nobody_has_this')),
      })
      const body = (await response.json()) as { id?: string; code?: string; broadcastId?: string }
      const named = response.status < 300 ? body.id : body.broadcastId
      const [row] = await query<{ isSeeking: boolean }>(
        `select status in ('searching', 'partially_filled') as "isSeeking" from instances where id = $1`,
        [named ?? null],
      )
      const isRight =
        response.status < 300 || (body.code === 'ACTIVE_BROADCAST_EXISTS' && row?.isSeeking === true)
      return isRight && row !== undefined ? [] : [`${id} at ${url}: ${response.status} ${body.code ?? named}`]
    }),
  )
  return stuck.flat()
}
