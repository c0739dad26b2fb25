/* Sessions that are ended, on two whole servers with one database and no Redis: nothing but the database tells one of the other. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { createFleetStore } from '../../../src/adapters/postgres/product/fleet-store.js'
import { createRefreshFamilies } from '../../../src/adapters/postgres/product/refresh-family-store.js'
import { signToken } from '../../../src/adapters/tokens/jwt.js'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import type { Role } from '../../../src/dispatch/person.js'
import { onStatement } from '../../support/database/statements.js'
import { until } from '../../support/engine/engine.js'
import { scaled } from '../../support/engine/pace.js'
import { call, createClient, disconnected, type Listener, listen } from '../../support/server/clients.js'
import { asking } from '../../support/server/fleet.js'
import type { TestApp } from '../../support/server/server.js'
import { TEST_REFRESH_SECRET, TEST_SECRET, tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const open: Listener[] = []

const app = await useTestApp()
const other = await app.beside()
afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
})

const WITHIN_MS = 1_000
const secondNow = () => Math.floor(Date.now() / 1000)
const nextSecond = () => delay(1_010 - (Date.now() % 1_000))

/** A token of that second. */
const tokenAt = (role: Role, id: string, second: number) =>
  signToken({ role, id }, TEST_SECRET, 3_600_000, second * 1000)
const refreshTokenAt = (role: Role, id: string, second: number) =>
  signRefreshToken({ role, id }, TEST_REFRESH_SECRET, { nowMs: second * 1000 })

const withToken = (server: TestApp, token: string, method: string, path: string) =>
  call(server.url, method, path, { headers: { authorization: `Bearer ${token}` } })
const sync = async (server: TestApp, token: string) => {
  const { status, body } = await withToken(server, token, 'GET', '/api/v1/sync')
  return status === 200 ? 'ok' : `${status} ${body.code}`
}
const logout = (server: TestApp, token: string) => withToken(server, token, 'POST', '/api/v1/auth/logout')
const refresh = (server: TestApp, refreshToken: string) =>
  call(server.url, 'POST', '/api/v1/auth/refresh', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken }),
  })
async function connect(server: TestApp, token: string): Promise<Listener> {
  const listener = await listen(server.url, token)
  open.push(listener)
  return listener
}

const ENDED = '401 UNAUTHENTICATED'

describe('R11.2 logout', () => {
  test('ends every token issued until then, also in the same second, on every process within a second', async () => {
    const second = secondNow()
    const [mine, phone] = [
      await tokenAt('customer', 'lo-1', second),
      await tokenAt('customer', 'lo-1', second - 900),
    ]
    for (const server of [app, other]) {
      for (const token of [mine, phone]) expect(await sync(server, token)).toBe('ok')
    }
    expect(await logout(app, mine)).toMatchObject({ status: 204, body: '' })
    const endedIn = secondNow()
    expect([await sync(app, mine), await sync(app, phone)]).toEqual([ENDED, ENDED])
    expect((await withToken(app, mine, 'GET', '/api/v1/sync')).body.detail).toBe(
      'The session was ended: sign in again',
    )
    await until(
      async () => (await sync(other, mine)) === ENDED && (await sync(other, phone)) === ENDED,
      WITHIN_MS,
    )
    for (const server of [app, other]) {
      expect(await sync(server, await tokenAt('customer', 'lo-1', endedIn))).toBe(ENDED)
      expect((await logout(server, mine)).status).toBe(401)
    }
    await nextSecond()
    const anew = await tokenFor('customer', 'lo-1')
    for (const server of [app, other]) expect(await sync(server, anew)).toBe('ok')
    await delay(WITHIN_MS)
    expect(await sync(app, anew)).toBe('ok')
  })

  test('concerns one person: the same sub in every other role stays signed in', async () => {
    const roles: Role[] = ['customer', 'transporter', 'driver', 'admin']
    for (const role of roles) {
      const id = `lo-same-${role}`
      const tokens = await Promise.all(roles.map(each => tokenFor(each, id)))
      const sockets = await Promise.all(tokens.map(token => connect(other, token)))
      expect((await logout(app, tokens[roles.indexOf(role)] ?? '')).status).toBe(204)
      await until(async () => !sockets[roles.indexOf(role)]?.socket.connected, WITHIN_MS)
      const states = await Promise.all(tokens.map(token => sync(other, token)))
      expect(states).toEqual(roles.map(each => (each === role ? ENDED : 'ok')))
      expect(sockets.map(({ socket }) => socket.connected)).toEqual(roles.map(each => each !== role))
    }
  })

  test('disconnects sockets on every process within a second, and admits only new tokens', async () => {
    const token = await tokenFor('transporter', 'lo-2')
    const sockets = [await connect(app, token), await connect(other, token), await connect(other, token)]
    const ends = sockets.map(({ socket }) => disconnected(socket))
    const begunAt = Date.now()
    await logout(app, token)
    expect(await Promise.all(ends)).toEqual(ends.map(() => 'io server disconnect'))
    expect(Date.now() - begunAt).toBeLessThan(scaled(WITHIN_MS))
    for (const server of [app, other]) {
      await expect(listen(server.url, token)).rejects.toMatchObject({ data: { code: 'UNAUTHENTICATED' } })
    }
    await nextSecond()
    const anew = await connect(other, await tokenFor('transporter', 'lo-2'))
    // As long as ends of sessions are announced again.
    await delay(1_500)
    expect(anew.socket.connected).toBe(true)
    expect(await anew.send('heartbeat', {})).toEqual({ ok: true })
  })

  test('ends refresh tokens, used and unused, on every process', async () => {
    const unused = await refreshTokenAt('driver', 'lo-3', secondNow() - 3_600)
    const used = await refresh(app, await refreshTokenAt('driver', 'lo-3', secondNow() - 60))
    expect(used.status).toBe(200)
    await logout(app, used.body.accessToken)
    for (const server of [other, app]) {
      for (const token of [unused, used.body.refreshToken]) {
        expect(await refresh(server, token)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
      }
      await until(async () => (await sync(server, used.body.accessToken)) === ENDED, WITHIN_MS)
    }
    await nextSecond()
    expect((await refresh(other, await refreshTokenAt('driver', 'lo-3', secondNow()))).status).toBe(200)
  })

  test('ends its own token, even if a clock that is ahead signed it', async () => {
    const token = await tokenAt('customer', 'lo-ahead', secondNow() + 3)
    expect((await logout(app, token)).status).toBe(204)
    expect(await sync(app, token)).toBe(ENDED)
    await until(async () => (await sync(other, token)) === ENDED, WITHIN_MS)
  })

  test('gives no replay for an idempotency key', async () => {
    const client = await createClient(app.url, 'customer', 'lo-4')
    const key = { 'idempotency-key': 'once' }
    expect((await client.post('/api/v1/broadcasts', asking(1), key)).status).toBe(201)
    expect((await client.post('/api/v1/auth/logout')).status).toBe(204)
    expect((await client.post('/api/v1/broadcasts', asking(1), key)).status).toBe(401)
    await nextSecond()
    const anew = await createClient(other.url, 'customer', 'lo-4')
    const replayed = await anew.post('/api/v1/broadcasts', asking(1), key)
    expect(replayed.headers.get('idempotency-replayed')).toBe('true')
    await anew.post(`/api/v1/broadcasts/${replayed.body.id}/events`, { type: 'cancel' })
  })

  test('that races with refreshes on two processes leaves none of their tokens valid', async () => {
    for (let round = 0; round < 12; round++) {
      const id = `lo-race-${round}`
      const shown = await Promise.all(
        Array.from({ length: 4 }, (_, i) => refreshTokenAt('customer', id, secondNow() - i)),
      )
      const token = await tokenFor('customer', id)
      await sync(app, token)
      // Around the change of the second, where the time of an end and that of a token differ most.
      await delay(995 + (round % 6) * 2 - (Date.now() % 1_000))
      const [ended, ...refreshed] = await Promise.all([
        logout(round % 2 ? app : other, token),
        ...shown.map((one, i) => refresh(i % 2 ? app : other, one)),
      ])
      expect(ended?.status).toBe(204)
      for (const { status, body } of refreshed) {
        if (status !== 200) continue
        expect((await refresh(app, body.refreshToken)).status).toBe(401)
        await until(async () => (await sync(other, body.accessToken)) === ENDED, WITHIN_MS)
      }
    }
  })

  test('in progress makes a refresh wait for it, and refuses it', async () => {
    const person = { role: 'customer', id: 'lo-forced' } as const
    await sync(app, await tokenFor(person.role, person.id))
    const ending = await app.sql.connect()
    try {
      await ending.query('begin')
      await createFleetStore(ending as unknown as pg.Pool).endSessions(person)
      const issuedAt = secondNow() - 1
      const rotating = createRefreshFamilies(app.sql).rotate({
        person,
        family: 'f',
        shown: { id: 'a', issuedAt, expiresAt: Date.now() + 60_000 },
        next: { id: 'b', ttlMs: 60_000 },
      })
      await until(async () => {
        const waiting = await app.query(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        return waiting.length === 1
      })
      await ending.query('commit')
      expect(await rotating).toMatchObject({ kind: 'ended' })
    } finally {
      ending.release()
    }
  })

  test('by two processes at once is one', async () => {
    const token = await tokenFor('customer', 'lo-twice')
    await sync(app, token)
    await sync(other, token)
    const answers = await Promise.all([app, other, app, other].map(server => logout(server, token)))
    for (const { status } of answers) expect([204, 401]).toContain(status)
    expect(answers.filter(({ status }) => status === 204).length).toBeGreaterThan(0)
    await nextSecond()
    expect(await sync(other, await tokenFor('customer', 'lo-twice'))).toBe('ok')
  })

  test('that is not announced, because its process died, is noticed by the others', async () => {
    const token = await tokenFor('customer', 'lo-dead')
    const { socket } = await connect(other, token)
    expect(await sync(app, token)).toBe('ok')
    const cut = disconnected(socket)
    const begunAt = Date.now()
    await createFleetStore(app.sql).endSessions({ role: 'customer', id: 'lo-dead' })
    await cut
    expect(Date.now() - begunAt).toBeLessThan(scaled(WITHIN_MS))
    await until(async () => (await sync(app, token)) === ENDED, WITHIN_MS)
  })

  test('costs requests no statement', async () => {
    const token = await tokenFor('driver', 'lo-cheap')
    await sync(app, token)
    const looks: string[] = []
    const stop = onStatement(({ name = '' }) => {
      if (name === 'see_people' || name === 'ended_within') looks.push(name)
    })
    const begunAt = Date.now()
    for (let i = 0; i < 200; i++) await sync(app, token)
    stop()
    const seconds = (Date.now() - begunAt) / 1000
    expect(looks.filter(name => name === 'see_people').length).toBeLessThanOrEqual(1 + seconds / 4)
    // Two servers here, each a few times a second.
    expect(looks.length).toBeLessThanOrEqual(4 + seconds * 6)
  })
})

describe('R11.2 an administrator', () => {
  test('ends the sessions of another, with a record; also of an unknown person', async () => {
    const admin = await createClient(app.url, 'admin', 'se-admin')
    const token = await tokenFor('driver', 'se-1')
    const unseen = await tokenFor('driver', 'se-unseen')
    expect(await sync(other, token)).toBe('ok')
    for (const id of ['se-1', 'se-unseen']) {
      const answer = await admin.post(`/api/v1/admin/users/driver/${id}/sessions/end`)
      expect(answer).toMatchObject({ status: 204, body: '' })
    }
    await until(async () => (await sync(other, token)) === ENDED, WITHIN_MS)
    expect(await sync(other, unseen)).toBe(ENDED)
    const { body } = await admin.get('/api/v1/admin/actions?limit=2')
    expect(body.items).toMatchObject([
      { adminId: 'se-admin', action: 'user.end_sessions', target: 'driver:se-unseen', outcome: 'applied' },
      { adminId: 'se-admin', action: 'user.end_sessions', target: 'driver:se-1', outcome: 'applied' },
    ])
    await nextSecond()
    expect(await sync(other, await tokenFor('driver', 'se-1'))).toBe('ok')
  })

  test.each(['customer', 'transporter', 'driver'] as const)('alone may: a %s may not', async role => {
    const client = await createClient(app.url, role, 'se-nobody')
    const answer = await client.post('/api/v1/admin/users/customer/se-victim/sessions/end')
    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
  })

  test.each(['king/x', 'driver/a%20b', 'driver/%00'])('names a role and an id: %s is neither', async path => {
    const admin = await createClient(app.url, 'admin', 'se-admin')
    expect((await admin.post(`/api/v1/admin/users/${path}/sessions/end`)).status).toBe(400)
  })

  test('an admin that turns a person off ends its sessions for good: turned on, it must sign in again', async () => {
    const admin = await createClient(app.url, 'admin', 'se-admin')
    const token = await tokenFor('customer', 'se-off')
    const unused = await refreshTokenAt('customer', 'se-off', secondNow())
    const { socket } = await connect(other, token)
    const cut = disconnected(socket)
    expect(await sync(other, token)).toBe('ok')
    const begunAt = Date.now()
    await admin.put('/api/v1/admin/users/customer/se-off', { active: false })
    await cut
    await until(async () => (await sync(other, token)) === '403 USER_INACTIVE', WITHIN_MS)
    expect(Date.now() - begunAt).toBeLessThan(scaled(2 * WITHIN_MS))
    expect((await refresh(other, unused)).body.code).toBe('USER_INACTIVE')
    await admin.put('/api/v1/admin/users/customer/se-off', { active: true })
    for (const server of [app, other]) {
      await until(async () => (await sync(server, token)) === ENDED, 6_000)
      expect((await refresh(server, unused)).body.code).toBe('UNAUTHENTICATED')
      await expect(listen(server.url, token)).rejects.toMatchObject({ data: { code: 'UNAUTHENTICATED' } })
    }
    await nextSecond()
    for (const server of [app, other])
      expect(await sync(server, await tokenFor('customer', 'se-off'))).toBe('ok')
  })

  test('cannot turn itself off', async () => {
    const admin = await createClient(app.url, 'admin', 'se-self')
    const answer = await admin.put('/api/v1/admin/users/admin/se-self', { active: false })
    expect(answer).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', detail: 'Administrators cannot turn themselves off' },
    })
    // The same id in another role is another person.
    expect((await admin.put('/api/v1/admin/users/driver/se-self', { active: false })).status).toBe(200)
    expect(await sync(app, admin.token)).toBe('ok')
  })

  test('that another one turns off at the same time stays if that one goes: of a crowd one is left', async () => {
    for (let round = 0; round < 6; round++) {
      await app.query("delete from people where role = 'admin'")
      const ids = Array.from({ length: round < 3 ? 2 : 4 }, (_, i) => `se-duel-${round}-${i}`)
      const admins = await Promise.all(
        ids.map((id, i) => createClient(i % 2 ? app.url : other.url, 'admin', id)),
      )
      for (const admin of admins) expect((await admin.get('/api/v1/admin/actions')).status).toBe(200)
      const answers = await Promise.all(
        admins.flatMap(admin =>
          ids
            .filter(id => id !== admin.id)
            .map(id => admin.put(`/api/v1/admin/users/admin/${id}`, { active: false })),
        ),
      )
      for (const { status } of answers) expect([200, 401, 403]).toContain(status)
      const [left] = await app.query<{ count: number }>(
        "select count(*)::int as count from people where role = 'admin' and active",
      )
      expect(left?.count).toBe(1)
    }
  })
})
