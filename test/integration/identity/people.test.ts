/* Who is turned off, in which role: this release's people beside the release before, which has one row an id. */
import { copyFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { createFleetStore } from '../../../src/adapters/postgres/product/fleet-store.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { MIGRATIONS_FOLDER } from '../../../src/adapters/postgres/schema/migration-files.js'
import type { Role } from '../../../src/dispatch/ports.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { useDatabase } from '../../support/database/use-database.js'
import { silentLog } from '../../support/engine/log.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const { sql } = await useDatabase({ connections: 8 })
const fleet = createFleetStore(sql)

beforeEach(async () => {
  await sql.query('truncate people, users cascade')
})

const roles: readonly Role[] = ['customer', 'transporter', 'driver', 'admin']
const isOn = async (role: Role, id = 'x') => (await fleet.seePerson({ role, id })).isActive
const areOn = async (id = 'x') => {
  const on: Role[] = []
  for (const role of roles) if (await isOn(role, id)) on.push(role)
  return on
}
/** As the release before asks and writes. */
const userIsOn = async (id = 'x') =>
  (await sql.query('select active from users where id = $1', [id])).rows[0]?.active
const setUser = (active: boolean, id = 'x') =>
  sql.query(
    'insert into users (id, active) values ($1, $2) on conflict (id) do update set active = excluded.active',
    [id, active],
  )

describe('R11.1 turning off', () => {
  it('concerns one role of an id, and no other', async () => {
    expect(await areOn()).toEqual(roles)
    await fleet.setPersonActive({ role: 'driver', id: 'x' }, false)
    expect(await areOn()).toEqual(['customer', 'transporter', 'admin'])
    const people = roles.map(role => ({ role, id: 'x' }))
    expect(await fleet.endedPeople(people)).toMatchObject([{ role: 'driver', id: 'x', isActive: false }])
  })

  it('turns off the whole user for the previous release, until every role is on again', async () => {
    expect(await areOn()).toEqual(roles)
    expect(await userIsOn()).toBe(true)
    await fleet.setPersonActive({ role: 'driver', id: 'x' }, false)
    await fleet.setPersonActive({ role: 'customer', id: 'x' }, false)
    expect(await userIsOn()).toBe(false)
    await fleet.setPersonActive({ role: 'driver', id: 'x' }, true)
    expect(await userIsOn()).toBe(false)
    await fleet.setPersonActive({ role: 'customer', id: 'x' }, true)
    expect(await userIsOn()).toBe(true)
  })

  it('by the previous release is for every role, also later ones, and ends their sessions', async () => {
    await isOn('customer')
    await setUser(false)
    expect(await areOn()).toEqual([])
    const { rows } = await sql.query('select valid_from from people where id = $1', ['x'])
    expect(rows.every(({ valid_from }) => valid_from instanceof Date)).toBe(true)
    await setUser(true)
    expect(await areOn()).toEqual(roles)
    // Of a user that nobody has seen yet, too.
    await setUser(false, 'unseen')
    expect(await areOn('unseen')).toEqual([])
  })

  it('of two roles of one id at once leaves the user off until both are on', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `both-${round}`
      await Promise.all(roles.map(role => fleet.setPersonActive({ role, id }, false)))
      expect(await userIsOn(id)).toBe(false)
      await Promise.all(roles.map(role => fleet.setPersonActive({ role, id }, true)))
      expect(await userIsOn(id)).toBe(true)
    }
  })

  it('registers the user for the previous release, whose rows refer to it', async () => {
    await isOn('transporter', 'new')
    expect(await userIsOn('new')).toBe(true)
    await fleet.setTransporterAvailable('new', true, { changes: 10, windowMs: 1 })
  })
})

const INSTANCE = '019a8c5e-7b1f-7c3d-9e2a-4f6b8d0c1e2f'

describe('R11.1 data from before people were told apart', () => {
  it('count in every role of a user that was off, and only in the role that a key names', async () => {
    const earlier = await temporaryFolder('earlier-migrations')
    for (const name of (await readdir(MIGRATIONS_FOLDER)).filter(file => /^\d/.test(file) && file < '0026')) {
      await copyFile(join(MIGRATIONS_FOLDER, name), join(earlier, name))
    }
    const own = await createTestDatabase({ empty: true })
    const pool = new pg.Pool({ connectionString: own.connectionString, max: 2 })
    await migrate(pool, { log: silentLog, folder: earlier })
    await pool.query("insert into users (id, active) values ('off', false), ('on', true)")
    // A customer's create, recorded without a role, and two that changed nothing.
    await pool.query(
      `insert into loadcast.journal (instance, version, uid, event_json, status, actor_json, at)
       values ($1, 1, $1, '{}', 'searching', '{"id":"on","role":"customer"}', now())`,
      [INSTANCE],
    )
    await pool.query(
      `insert into loadcast.idempotency_keys (scope, key, fingerprint, instance, version, uid) values
         ('on POST /api/v1/broadcasts', 'k', 'f', $1, 1, $1),
         ('on POST /api/v1/driver/heartbeat', 'k', 'f', null, null, null),
         ('on POST /api/v1/devices', 'k', 'f', null, null, null)`,
      [INSTANCE],
    )
    await migrate(pool, { log: silentLog })
    const { rows: keys } = await pool.query(
      'select scope from loadcast.idempotency_keys order by scope collate "C"',
    )
    expect(keys.map(({ scope }) => scope)).toEqual([
      'customer on POST /api/v1/broadcasts',
      'driver on POST /api/v1/driver/heartbeat',
      'on POST /api/v1/broadcasts',
      'on POST /api/v1/devices',
      'on POST /api/v1/driver/heartbeat',
    ])
    const store = createFleetStore(pool)
    for (const role of roles) {
      expect([role, await store.seePerson({ role, id: 'off' })]).toMatchObject([role, { isActive: false }])
      expect([role, await store.seePerson({ role, id: 'on' })]).toMatchObject([role, { isActive: true }])
    }
    await pool.end()
    await own.drop()
    await rm(earlier, { recursive: true })
  })
})
