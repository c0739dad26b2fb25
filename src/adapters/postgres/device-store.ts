import type { Pool } from 'pg'
import type { DeviceStore } from '../../dispatch/ports.js'
import { query } from './query.js'

/** One too many goes before the new one comes: the statement does not see what it inserts itself. */
const registerSql = `
with surplus as (
  delete from devices where id in (
    select id from devices where user_id = $1 and token <> $2 order by registered_at desc offset $4 - 1
  )
)
insert into devices (token, user_id, platform) values ($2, $1, $3)
on conflict (token) do update set
  user_id = excluded.user_id, platform = excluded.platform, registered_at = excluded.registered_at`

export function createDeviceStore(pool: Pool): DeviceStore {
  return {
    async register(userId, { token, platform }, max) {
      await query(pool, registerSql, [userId, token, platform, max])
    },
    async remove(userId, token) {
      await query(pool, 'delete from devices where token = $2 and user_id = $1', [userId, token])
    },
  }
}
