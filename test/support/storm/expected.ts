/*
 * The envelopes that each user should have received: every row of the event table, turned into envelopes by the table of
 * announcements. It is read from the database afterwards.
 */
import { isToldTo } from '../../../src/dispatch/announcements/audience.js'
import { wordingOf } from '../../../src/dispatch/announcements/wording.js'
import type { Processes, User } from './processes.js'

export interface Expected {
  /** Envelope ids by user. */
  readonly must: ReadonlyMap<string, ReadonlySet<string>>
  /** Offers. A user that is away until the request has ended need not receive its offer. */
  readonly may: ReadonlyMap<string, ReadonlySet<string>>
}

interface EventRow {
  readonly instance: string
  readonly version: number
  readonly index: number
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly audience: readonly string[]
  readonly at: number
  readonly context: { customerId: string; pickup: never; drop: never; goods?: string }
}

export async function readExpected(processes: Processes, users: readonly User[]): Promise<Expected> {
  const offers = await processes.query<{ broadcast_id: string; transporter_id: string }>(
    'select broadcast_id, transporter_id from recipients where offered_at is not null',
  )
  const offered = new Map<string, Set<string>>()
  for (const { broadcast_id, transporter_id } of offers) add(offered, broadcast_id, transporter_id)
  const rows = await processes.query<EventRow>(
    `select e.instance, e.version, e.index, e.type, e.payload_json as payload, e.audience,
       (extract(epoch from e.at) * 1000)::float8 as at, i.snapshot_json -> 'context' as context
     from events e join instances i on i.id = e.instance`,
  )
  const must = new Map<string, Set<string>>(users.map(({ id }) => [id, new Set()]))
  for (const { context, ...emitted } of rows) {
    const { concerned, said } = wordingOf(emitted, context)
    for (const { to, envelope } of said) {
      for (const user of users) {
        const isOffered = offered.get(emitted.instance)?.has(user.id) ?? false
        if (isToldTo(user, to, concerned, isOffered)) must.get(user.id)?.add(envelope.id)
      }
    }
  }
  const may = new Map<string, Set<string>>()
  for (const { broadcast_id, transporter_id } of offers) add(may, transporter_id, `${broadcast_id}:offer`)
  return { must, may }
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
