import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { DeviceStore, Person } from '../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../connection/statement.js'
import { isDeviceOf } from './devices-of.js'

/** One too many goes before the new one comes: the statement does not see what it inserts itself. */
const registered = statement(($: Parameters<Person & { token: string; platform: string; max: number }>) =>
  db
    .with('surplus', query =>
      query
        .deleteFrom('devices')
        .where(
          'id',
          'in',
          query
            .selectFrom('devices as d')
            .select('d.id')
            .where(isDeviceOf($.id, $.role))
            .where('d.token', '<>', $.token)
            .orderBy('d.registered_at', 'desc')
            .offset(sql<number>`${$.max} - 1`),
        ),
    )
    .insertInto('devices')
    .columns(['user_id', 'role', 'token', 'platform', 'registered_at', 'role_noted_at'])
    .expression(
      db
        .selectFrom(sql<{ at: Date }>`clock_timestamp()`.as<'at'>(sql`at`))
        .select([
          sql<string>`${$.id}`.as('user_id'),
          sql<string>`${$.role}`.as('role'),
          sql<string>`${$.token}`.as('token'),
          sql<string>`${$.platform}`.as('platform'),
          sql<Date>`at`.as('registered_at'),
          sql<Date>`at`.as('role_noted_at'),
        ]),
    )
    .onConflict(conflict =>
      conflict.column('token').doUpdateSet(eb => ({
        user_id: eb.ref('excluded.user_id'),
        role: eb.ref('excluded.role'),
        platform: eb.ref('excluded.platform'),
        registered_at: eb.ref('excluded.registered_at'),
        role_noted_at: eb.ref('excluded.role_noted_at'),
      })),
    ),
)

const removed = statement(($: Parameters<Person & { token: string }>) =>
  db.deleteFrom('devices as d').where('d.token', '=', $.token).where(isDeviceOf($.id, $.role)),
)

export function createDeviceStore(pool: Pool): DeviceStore {
  return {
    async register({ id, role }, { token, platform }, max) {
      await run(pool, registered, { id, role, token, platform, max })
    },
    async remove({ id, role }, token) {
      await run(pool, removed, { id, role, token })
    },
  }
}
