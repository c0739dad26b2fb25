import type { Pool } from 'pg'
import type { DeviceStore } from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'
import { isDeviceOf } from './devices-of.js'

/** One too many goes before the new one comes: the statement does not see what it inserts itself. */
const registerSql = `
with surplus as (
  delete from devices where id in (
    select d.id from devices d where ${isDeviceOf('$1', '$2')} and d.token <> $3
    order by d.registered_at desc offset $5 - 1
  )
)
insert into devices (user_id, role, token, platform, registered_at, role_noted_at)
select $1, $2, $3, $4, at, at from clock_timestamp() as at
on conflict (token) do update set
  user_id = excluded.user_id, role = excluded.role, platform = excluded.platform,
  registered_at = excluded.registered_at, role_noted_at = excluded.role_noted_at`

const removeSql = `delete from devices d where d.token = $3 and ${isDeviceOf('$1', '$2')}`

export function createDeviceStore(pool: Pool): DeviceStore {
  return {
    async register({ id, role }, { token, platform }, max) {
      await query(pool, registerSql, [id, role, token, platform, max])
    },
    async remove({ id, role }, token) {
      await query(pool, removeSql, [id, role, token])
    },
  }
}
