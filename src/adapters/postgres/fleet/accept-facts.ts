import type { Pool } from 'pg'
import type { AcceptFacts } from '../../../dispatch/ports.js'
import { query } from '../query.js'
import { BROADCAST_COLUMNS, type BroadcastRow, toBroadcastRecord } from '../stored-instance.js'

interface Row extends Omit<BroadcastRow, 'id'> {
  readonly id: string | null
  readonly user_active: boolean | null
  readonly driver_id: string | null
  readonly driver_name: string
  readonly driver_phone: string | null
  readonly vehicle_id: string | null
  readonly vehicle_number: string
  readonly vehicle_type: string
}

/**
 * All that an accept is judged by, in one round trip. Nothing is locked: the commit that follows is
 * guarded by the version, and by the claims on driver and vehicle. A driver or vehicle that is deleted
 * between the two leaves a trip that knows both by its own snapshot, which is as if the delete had come later.
 */
const acceptFactsSql = `
select ${BROADCAST_COLUMNS},
  u.active as user_active,
  d.id as driver_id, d.name as driver_name, d.phone as driver_phone,
  v.id as vehicle_id, v.number as vehicle_number, v.vehicle_type
from (select) one
left join instances i on i.id = $1 and i.machine = 'broadcast'
left join recipients r on r.broadcast_id = i.id and r.transporter_id = $2
left join users u on u.id = $2
left join drivers d on d.id = $3 and d.transporter_id = $2
left join vehicles v on v.id = $4 and v.transporter_id = $2`

export async function acceptFacts(
  pool: Pool,
  broadcastId: string,
  transporterId: string,
  driverId: string,
  vehicleId: string,
): Promise<AcceptFacts> {
  const rows = await query<Row>(pool, acceptFactsSql, [broadcastId, transporterId, driverId, vehicleId])
  const row = rows[0]
  if (row === undefined) throw new Error('a left join from one row answered none')
  const { id } = row
  return {
    broadcast: id === null ? undefined : toBroadcastRecord({ ...row, id }),
    isUserActive: row.user_active ?? true,
    driver: row.driver_id === null ? undefined : driverOf(row, row.driver_id),
    vehicle:
      row.vehicle_id === null
        ? undefined
        : { id: row.vehicle_id, number: row.vehicle_number, vehicleType: row.vehicle_type },
  }
}

function driverOf(row: Row, id: string) {
  return { id, name: row.driver_name, ...(row.driver_phone === null ? {} : { phone: row.driver_phone }) }
}
