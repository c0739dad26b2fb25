/*
 * A process of the release before, which knows users by id alone, beside one of this release on the same database and
 * Redis. What one does the clients of the other are told, each in its role; nothing is done twice, and the old one’s
 * ignorance opens nothing here.
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import type { Role } from '../../../src/dispatch/person.js'
import { until } from '../../support/engine/engine.js'
import {
  buildPreviousRelease,
  previousReleaseForTests,
  WITHOUT_PEOPLE,
} from '../../support/processes/previous-release.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { call, createClient, type Listener, listen } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { processEnvironment, startTestApp, type TestApp } from '../../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../../support/server/server-process.js'
import { TEST_REFRESH_SECRET, tokenFor } from '../../support/server/tokens.js'

const PATIENCE_MS = 60_000
const { describeWithRedis } = await redisForTests()
const { describeWithPreviousRelease } = await previousReleaseForTests(WITHOUT_PEOPLE)
describeWithPreviousRelease('the release before', () => {
  describeWithRedis.each([['classic'], ['sharded']])(
    'beside the previous release, with the %s adapter',
    kind => {
      const redis = useRedis()
      const open: Listener[] = []
      let now: TestApp
      let before: ServerProcess

      beforeAll(async () => {
        const { program } = await buildPreviousRelease(WITHOUT_PEOPLE)
        const env = { REDIS_URL: redis.url, SOCKET_ADAPTER: kind }
        now = await startTestApp({ env })
        before = await startServerProcess(
          {
            ...processEnvironment,
            ...env,
            DATABASE_URL: now.database.connectionString,
            LOG_LEVEL: 'warn',
          },
          program,
        )
        // This release notices it with its next announcement. Before, what is not kept would not be told there.
        const announced = () =>
          now.query<{ until: Date }>('select alive_until as until from processes where protocol > 1')
        await until(
          async () => (await now.query('select from processes where protocol = 1')).length > 0,
          PATIENCE_MS,
        )
        const [first] = await announced()
        await until(
          async () => (await announced())[0]?.until.getTime() !== first?.until.getTime(),
          PATIENCE_MS,
        )
      })
      afterEach(() => {
        for (const listener of open.splice(0)) listener.close()
      })
      afterAll(async () => {
        await before?.end('SIGTERM')
        await now?.close()
      })

      async function connect(url: string, role: Role, id: string): Promise<Listener> {
        const listener = await listen(url, await tokenFor(role, id))
        open.push(listener)
        return listener
      }

      const types = ({ events }: Listener) => [...new Set(events.map(({ type }) => type))].sort()

      test.each([
        ['this release', 'the release before'],
        ['the release before', 'this release'],
      ])(
        'R11.1 actions of %s reach the people on %s, and no other roles of their ids',
        async (doing, hearing) => {
          const name = `${kind}-${doing.split(' ')[0]}`
          const vehicleType = `t_${name.replace('-', '_')}`
          const [from, to] = [doing, hearing].map(one => (one === 'this release' ? now.url : before.url))
          if (from === undefined || to === undefined) throw new Error('both are named')
          // Drivers agree on this release alone; presence is shared.
          const truck = await registerTruck(now.url, name, { vehicleType, isReady: true })
          const customer = await createClient(from, 'customer', `c-${name}`)
          const own = {
            customer: await connect(to, 'customer', customer.id),
            transporter: await connect(to, 'transporter', truck.transporter.id),
            driver: await connect(to, 'driver', truck.driverId),
          }
          // The release before tells every role of an id; this one must not, whoever says it.
          const isStrict = to === now.url
          const twins = isStrict
            ? [
                await connect(to, 'customer', truck.driverId),
                await connect(to, 'transporter', truck.driverId),
                await connect(to, 'customer', truck.transporter.id),
                await connect(to, 'driver', truck.transporter.id),
                await connect(to, 'driver', customer.id),
                await connect(to, 'transporter', customer.id),
                await connect(to, 'admin', customer.id),
              ]
            : []
          const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(2, vehicleType))
          await own.transporter.next(
            'new_broadcast',
            event => event.broadcastId === broadcast.id,
            PATIENCE_MS,
          )
          const transporter = await createClient(from, 'transporter', truck.transporter.id)
          const accepted = await transporter.post(
            `/api/v1/broadcast/${broadcast.id}/accept`,
            acceptBody(truck),
          )
          expect(accepted.status).toBe(200)
          await own.driver.next('trip_assigned')
          await own.customer.next('truck_confirmed')
          await own.customer.next('booking_updated', event => event.data.trucksFilled === 1)
          await own.transporter.next('driver_status_changed')
          await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
          await own.driver.next('trip_cancelled')
          await own.transporter.next('trip_cancelled')
          await own.transporter.next('booking_expired')
          await own.customer.next('booking_updated', event => event.data.status === 'cancelled')
          await until(async () => (await now.query('select from outbox')).length === 0, PATIENCE_MS)
          expect(types(own.driver)).toEqual(['trip_assigned', 'trip_cancelled'])
          expect(types(own.customer)).toEqual(['booking_updated', 'truck_confirmed'])
          for (const { events } of Object.values(own)) {
            const ids = events.flatMap(({ id }) => (id === undefined ? [] : [id]))
            expect(new Set(ids).size).toBe(ids.length)
          }
          for (const twin of twins) {
            await twin.send('unwatch', { broadcastId: broadcast.id })
            expect(twin.events).toEqual([])
          }
        },
      )

      test('R11.1 an idempotency key of the previous release is honoured, and not for another role', async () => {
        const id = `key-${kind}`
        const headers = { 'idempotency-key': 'k' }
        const old = await createClient(before.url, 'customer', id)
        const made = await old.post('/api/v1/broadcasts', asking(1, 'nobody_has'), headers)
        expect(made.status).toBe(201)
        const path = `/api/v1/broadcasts/${made.body.id}/events`
        expect((await old.post(path, { type: 'cancel' }, headers)).status).toBe(200)
        const customer = await createClient(now.url, 'customer', id)
        const again = await customer.post('/api/v1/broadcasts', asking(1, 'nobody_has'), headers)
        expect([again.status, again.body.id, again.headers.get('idempotency-replayed')]).toEqual([
          201,
          made.body.id,
          'true',
        ])
        const cancelled = await customer.post(path, { type: 'cancel' }, headers)
        expect([cancelled.status, cancelled.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
        for (const role of ['transporter', 'driver'] as const) {
          const twin = await createClient(now.url, role, id)
          expect((await twin.post(path, { type: 'cancel' }, headers)).status).toBe(403)
          const device = { token: `t-${role}-${kind}`, platform: 'web' }
          expect(
            (await twin.post('/api/v1/devices', device, headers)).headers.get('idempotency-replayed'),
          ).toBeNull()
        }
        expect((await now.query('select from instances where owner = $1', [id])).length).toBe(1)
      })

      test('R11.1 a device that the previous release registered counts for one person, and for none once there are two', async () => {
        const id = `device-${kind}`
        const token = `token-${kind}`
        const devices = async (role: Role) => {
          const rows = await now.query<{ token: string }>(
            `select d.token from devices d where d.user_id = $1 and case
           when coalesce(d.role_noted_at = d.registered_at, false) then d.role = $2
           else not exists (select from people o where o.id = $1 and o.role <> $2) end`,
            [id, role],
          )
          return rows.map(row => row.token)
        }
        const old = await createClient(before.url, 'driver', id)
        expect((await old.post('/api/v1/devices', { token, platform: 'web' })).status).toBe(200)
        const driver = await createClient(now.url, 'driver', id)
        expect((await driver.get('/api/v1/sync')).status).toBe(200)
        expect(await devices('driver')).toEqual([token])
        // Another person of the id comes, and the old registration is nobody's any more.
        expect((await (await createClient(now.url, 'customer', id)).get('/api/v1/sync')).status).toBe(200)
        expect([await devices('driver'), await devices('customer')]).toEqual([[], []])
        expect((await driver.post('/api/v1/devices', { token, platform: 'web' })).status).toBe(200)
        expect([await devices('driver'), await devices('customer')]).toEqual([[token], []])
        // Registered again there, in whichever role: unknown again.
        const asCustomer = await createClient(before.url, 'customer', id)
        expect((await asCustomer.post('/api/v1/devices', { token, platform: 'web' })).status).toBe(200)
        expect([await devices('driver'), await devices('customer')]).toEqual([[], []])
      })

      test('R11.1 a refresh token is valid once on both together, and another role of the id does not affect its family', async () => {
        const id = `refresh-${kind}`
        const refresh = (url: string, refreshToken: string) =>
          call(url, 'POST', '/api/v1/auth/refresh', {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ refreshToken }),
          })
        const first = await signRefreshToken({ id, role: 'driver' }, TEST_REFRESH_SECRET, {
          id: `jti-${kind}`,
        })
        const second = (await refresh(before.url, first)).body.refreshToken
        const third = (await refresh(now.url, second)).body.refreshToken
        // The issuer named a family of the customer of this id alike.
        const other = await signRefreshToken({ id, role: 'customer' }, TEST_REFRESH_SECRET, {
          id: `jti-${kind}`,
        })
        const otherSecond = await refresh(now.url, other)
        expect(otherSecond.status).toBe(200)
        expect((await refresh(now.url, other)).status).toBe(401)
        const fourth = await refresh(before.url, third)
        expect(fourth.status).toBe(200)
        expect((await refresh(now.url, fourth.body.refreshToken)).status).toBe(200)
        // Used there, shown here: it ends, as on one release.
        expect((await refresh(now.url, third)).status).toBe(401)
      })

      test('R11.1 a user that the previous release turns off is off in every role; a person turned off here is off there', async () => {
        const id = `off-${kind}`
        const roles = ['customer', 'transporter', 'driver'] as const
        const statusOf = async (url: string, role: Role) =>
          (await (await createClient(url, role, id)).get('/api/v1/sync')).status
        const statuses = (url: string) => Promise.all(roles.map(role => statusOf(url, role)))
        expect(await statuses(now.url)).toEqual([200, 200, 200])
        const oldAdmin = await createClient(before.url, 'admin', 'root')
        expect((await fetchPut(before.url, oldAdmin.token, `users/${id}`, { active: false })).status).toBe(
          200,
        )
        await until(async () => (await statuses(now.url)).every(status => status === 403), PATIENCE_MS)
        expect((await fetchPut(before.url, oldAdmin.token, `users/${id}`, { active: true })).status).toBe(200)
        await until(async () => (await statuses(now.url)).every(status => status === 200), PATIENCE_MS)
        const admin = await createClient(now.url, 'admin', 'root')
        await admin.put(`/api/v1/admin/users/driver/${id}`, { active: false })
        expect(await statuses(now.url)).toEqual([200, 200, 403])
        await until(async () => (await statusOf(before.url, 'driver')) === 403, PATIENCE_MS)
      })
    },
  )
})

/** A route of the release before, which this release's document does not have. */
async function fetchPut(url: string, token: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}/api/v1/admin/${path}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}
