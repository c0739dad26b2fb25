import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { AcceptFacts } from '../../../../dispatch/ports.js'
import type { Precondition } from '../../../../runtime/types.js'
import { lookUp, type Parameters, run } from '../../connection/statement.js'
import {
  areFirst,
  SHARED_BROADCAST,
  type SharedBroadcastRow,
  sharedBroadcasts,
} from '../shared-broadcasts.js'
import { RECIPIENT } from '../stored-broadcast.js'

export interface AcceptQuestion {
  readonly broadcastId: string
  readonly transporterId: string
  readonly driverId: string
  readonly vehicleId: string
  /** 0: any number. */
  readonly maxPerDay: number
}

interface Row {
  readonly isOffered: boolean
  readonly hasDeclined: boolean
  readonly full_for_ms: number | null
  readonly user_active: boolean | null
  readonly driver_id: string | null
  readonly driver_name: string
  readonly driver_phone: string | null
  readonly is_invited: boolean
  readonly driver_active: boolean | null
  readonly vehicle_id: string | null
  readonly vehicle_number: string
  readonly vehicle_type: string
}

interface Questions {
  readonly broadcastIds: readonly string[]
  readonly transporterIds: readonly string[]
  readonly driverIds: readonly string[]
  readonly vehicleIds: readonly string[]
  /** Of each, whether it is the first question about its request. */
  readonly areFirst: readonly boolean[]
  readonly maxPerDay: number
}

/**
 * Milliseconds until the transporter may have another trip, null if now. A look at so many entries of an index at most, and
 * at none where there is no cap. Ids of trips are made by the clocks of processes, which may be a minute off.
 */
const fullForMs = ($: Parameters<Questions>) => sql<number | null>`
  case when ${$.maxPerDay}::int > 0 then (
    select extract(epoch from t.assigned_at + interval '1 day' - now())::float8 * 1000 from trips t
    where t.transporter_id = q.transporter_id and t.assigned_at > now() - interval '1 day'
      and t.id >= loadcast.first_id_at(now() - interval '1 day 1 minute')
    order by t.id desc offset greatest(${$.maxPerDay}, 1) - 1 limit 1
  ) end`

/**
 * Reads the facts for many accepts in one round trip. Nothing is locked yet: the commit that follows is guarded by the
 * version, by the claims on driver and vehicle, and by the preconditions given here.
 */
const factsOf = lookUp(
  'accept_facts',
  ($: Parameters<Questions>) => sql<Row & SharedBroadcastRow>`
select ${SHARED_BROADCAST}, ${sql.join(RECIPIENT)}, ${fullForMs($)} as full_for_ms,
  u.active as user_active,
  d.id as driver_id, d.name as driver_name, d.phone as driver_phone, n.driver_id is not null as is_invited,
  p.active as driver_active,
  v.id as vehicle_id, v.number as vehicle_number, v.vehicle_type
from unnest(${$.broadcastIds}::uuid[], ${$.transporterIds}::text[], ${$.driverIds}::text[], ${$.vehicleIds}::text[],
  ${$.areFirst}::boolean[]) with ordinality as q (broadcast_id, transporter_id, driver_id, vehicle_id, is_first, place)
left join loadcast.instances i on q.is_first and i.id = q.broadcast_id and i.machine = 'broadcast'
left join recipients r on r.broadcast_id = q.broadcast_id and r.transporter_id = q.transporter_id
left join people u on u.id = q.transporter_id and u.role = 'transporter'
left join drivers d on d.id = q.driver_id and d.transporter_id = q.transporter_id
left join driver_invitations n on n.driver_id = q.driver_id and n.transporter_id = q.transporter_id
left join people p on p.id = d.id and p.role = 'driver'
left join vehicles v on v.id = q.vehicle_id and v.transporter_id = q.transporter_id
order by q.place`,
)

/**
 * The facts that an accept's commit rechecks. Code that takes a driver or vehicle out of a fleet, or changes the type of a
 * vehicle, locks its row and then checks the claims (membership.ts, vehicles.ts). So either the commit finds the
 * row gone, changed or locked, or the change waits for the commit and finds the claim. Turning a person off needs no lock: it
 * checks no claim, so the two may happen in either order.
 */
function preconditionsOf(
  { transporterId, driverId, vehicleId }: AcceptQuestion,
  vehicleType: string,
): Precondition[] {
  return [
    { table: 'drivers', row: { id: driverId, transporter_id: transporterId }, isThere: true },
    {
      table: 'vehicles',
      row: { id: vehicleId, transporter_id: transporterId, vehicle_type: vehicleType },
      isThere: true,
    },
    { table: 'people', row: { id: transporterId, role: 'transporter', active: false }, isThere: false },
    { table: 'people', row: { id: driverId, role: 'driver', active: false }, isThere: false },
  ]
}

/** In the order of the questions. */
export async function acceptFacts(
  pool: Pool,
  questions: readonly AcceptQuestion[],
): Promise<readonly AcceptFacts[]> {
  const ids = questions.map(({ broadcastId }) => broadcastId)
  const rows = await run(pool, factsOf, {
    broadcastIds: ids,
    transporterIds: questions.map(({ transporterId }) => transporterId),
    driverIds: questions.map(({ driverId }) => driverId),
    vehicleIds: questions.map(({ vehicleId }) => vehicleId),
    areFirst: areFirst(ids),
    maxPerDay: questions[0]?.maxPerDay ?? 0,
  })
  const broadcasts = sharedBroadcasts(ids, rows)
  return rows.map((row, i) => {
    const shared = broadcasts[i]
    const question = questions[i]
    if (question === undefined) throw new Error('there are more answers than questions')
    return {
      broadcast: shared && { isOffered: row.isOffered, hasDeclined: row.hasDeclined, ...shared },
      ...(row.full_for_ms === null ? {} : { fullForMs: row.full_for_ms }),
      isUserActive: row.user_active ?? true,
      driver: row.driver_id === null ? undefined : driverOf(row, row.driver_id),
      isInvited: row.is_invited,
      isDriverActive: row.driver_active ?? true,
      vehicle:
        row.vehicle_id === null
          ? undefined
          : { id: row.vehicle_id, number: row.vehicle_number, vehicleType: row.vehicle_type },
      preconditions:
        row.driver_id === null || row.vehicle_id === null ? [] : preconditionsOf(question, row.vehicle_type),
    }
  })
}

function driverOf(row: Row, id: string) {
  return { id, name: row.driver_name, ...(row.driver_phone === null ? {} : { phone: row.driver_phone }) }
}
