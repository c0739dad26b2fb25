/* The commit rechecks the facts that an event was decided on and refuses only that event, not others in the same commit. */
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { Precondition } from '../../../src/runtime/types.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openEngine, until } from '../../support/engine/engine.js'
import { controlledFaults } from '../../support/engine/faults.js'
import { actor, newDoor, newDoors, wordOf } from '../../support/machines/doors.js'

const { faults, hold } = controlledFaults()
const { connectionString, sql, closing } = await useDatabase()
const opened = closing(openEngine(connectionString, { faults }))

beforeAll(async () => {
  await sql.query("insert into users (id) values ('ann'), ('bob')")
  // Checked first, since its name sorts first. A commit that checks it keeps running while it is held.
  await sql.query(`
    create table held (is_held boolean);
    create function pause() returns boolean language plpgsql as $$
    begin
      while exists (select from held) loop perform pg_sleep(0.005); end loop;
      return true;
    end $$;
    create view a_slow_look as select id from users where pause()`)
})

const user = (id: string, isThere = true): Precondition => ({
  table: 'users',
  row: { id, active: true },
  isThere,
})
const send = (id: string, type: 'open' | 'close', ...preconditions: Precondition[]) =>
  opened.engine.send(id, { type, ...(type === 'open' ? { who: 'ann' } : {}) }, { actor, preconditions })
const turn = (id: string, active: boolean) =>
  sql.query('update users set active = $2 where id = $1', [id, active])

describe('an event with preconditions', () => {
  it('is refused alone: other events in the same burst and the same commit are applied', async () => {
    const [id = '', ...others] = await newDoors(opened.engine, 20)
    const words = await Promise.all([
      send(id, 'open', user('ann')),
      send(id, 'close', user('nobody'), user('ann')),
      send(id, 'close', user('bob'), user('nobody', false)),
      send(id, 'open', user('ann', false)),
      ...others.map(other => send(other, 'open', user('ann'))),
    ])
    const refused = 'PRECONDITION_FAILED'
    expect(words.map(wordOf)).toEqual([
      'applied',
      refused,
      'applied',
      refused,
      ...others.map(() => 'applied'),
    ])
    expect(words[1]).toMatchObject({ refusal: { precondition: user('nobody') } })
    expect(words[3]).toMatchObject({ refusal: { precondition: user('ann', false) } })
    expect((await opened.engine.get(id))?.version).toBe(3)
  })

  it('is judged by the facts at the commit, not by earlier ones', async () => {
    const id = await newDoor(opened.engine)
    for (const isActive of [false, true]) {
      await turn('bob', !isActive)
      const held = hold('commit.before')
      const sent = send(id, 'open', user('bob'))
      await held.reached
      await turn('bob', isActive)
      held.release()
      expect(wordOf(await sent)).toBe(isActive ? 'applied' : 'PRECONDITION_FAILED')
    }
  })

  it.each([
    ['changed', "update users set active = false where id = 'bob'"],
    ['deleted', "delete from users where id = 'bob'"],
  ])(
    'is refused if the row was %s after the commit had begun and before it was checked',
    async (_, change) => {
      const id = await newDoor(opened.engine)
      await sql.query('insert into held values (true)')
      const slow: Precondition = { table: 'a_slow_look', row: { id: 'ann' }, isThere: true }
      const sent = send(id, 'open', slow, user('bob'))
      const held =
        "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
      await until(async () => (await sql.query(held)).rowCount !== 0)
      await sql.query(change)
      await sql.query('delete from held')
      expect(wordOf(await sent)).toBe('PRECONDITION_FAILED')
      await sql.query("insert into users (id) values ('bob') on conflict (id) do update set active = true")
      expect(wordOf(await send(id, 'open', slow, user('bob')))).toBe('applied')
    },
  )

  it('does not wait for a row that is being changed, and is applied once the row is available again', async () => {
    const id = await newDoor(opened.engine)
    const client = await sql.connect()
    await client.query('begin')
    await client.query("select from users where id = 'bob' for update")
    expect(wordOf(await send(id, 'open', user('bob')))).toBe('PRECONDITION_FAILED')
    expect(wordOf(await send(id, 'open', user('ann')))).toBe('applied')
    expect(wordOf(await send(id, 'close', user('bob')))).toBe('PRECONDITION_FAILED')
    await client.query('rollback')
    client.release()
    expect(wordOf(await send(id, 'close', user('bob')))).toBe('applied')
  })
})
