/* The events of a user according to the event table, which is read whole and by rules of this file alone. */
import { announcements } from '../../src/dispatch/announcements/announcements.js'
import { envelopeId } from '../../src/dispatch/resume/points.js'
import type { TestApp } from './server.js'

interface Row {
  readonly instance: string
  readonly version: number
  readonly index: number
  readonly at: number
  readonly type: keyof typeof announcements
  readonly payload: { readonly trip?: { driver: { id: string }; transporterId: string } }
  readonly owner: string
  readonly offered: readonly string[]
}

/** The ids of all envelopes for this user's own room, except offers. */
export async function idsFor(userId: string, { query }: Pick<TestApp, 'query'>): Promise<string[]> {
  const rows = await query<Row>(`
    select e.instance, e.version, e.index, (extract(epoch from e.at) * 1000)::float8 as at, e.type, e.payload_json as payload, i.owner,
      array(select r.transporter_id from recipients r
            where r.broadcast_id = e.instance and r.offered_at is not null) as offered
    from events e join instances i on i.id = e.instance`)
  return rows
    .flatMap(({ type, payload, owner, offered, ...place }) =>
      (announcements[type] as readonly { to: string; when?(event: object): boolean }[]).flatMap(
        ({ to, when }, n) => {
          const { trip } = payload
          const told: Record<string, readonly (string | undefined)[]> = {
            customer: [owner],
            watchers: [owner],
            driver: [trip?.driver.id],
            transporter: [trip?.transporterId],
            driverAndTransporter: [trip?.driver.id, trip?.transporterId],
            offered: offered.filter(id => id !== owner),
          }
          const isSaid = when?.({ type, ...payload }) !== false
          return isSaid && told[to]?.includes(userId) ? [envelopeId({ ...place, n })] : []
        },
      ),
    )
    .sort()
}
