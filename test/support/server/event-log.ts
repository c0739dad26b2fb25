/* The events of a person according to the event table, which is read whole and by rules of this file alone. */
import { announcements } from '../../../src/dispatch/announcements/announcements.js'
import type { Person } from '../../../src/dispatch/person.js'
import { envelopeId } from '../../../src/dispatch/resume/points.js'
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

/** The ids of all envelopes for this person's own room, but offers. */
export async function idsFor({ role, id }: Person, { query }: Pick<TestApp, 'query'>): Promise<string[]> {
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
          const told: Record<string, readonly string[]> = {
            customer: [`customer ${owner}`],
            watchers: [`customer ${owner}`],
            driver: [`driver ${trip?.driver.id}`],
            transporter: [`transporter ${trip?.transporterId}`],
            driverAndTransporter: [`driver ${trip?.driver.id}`, `transporter ${trip?.transporterId}`],
            offered: offered.map(one => `transporter ${one}`),
          }
          const isSaid = when?.({ type, ...payload }) !== false
          return isSaid && told[to]?.includes(`${role} ${id}`) ? [envelopeId({ ...place, n })] : []
        },
      ),
    )
    .sort()
}
