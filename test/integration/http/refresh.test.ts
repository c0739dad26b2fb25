import { describe, expect, test } from '@jest/globals'
import { createRefreshFamilies } from '../../../src/adapters/postgres/product/refresh-family-store.js'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import type { Role } from '../../../src/dispatch/person.js'
import { call, createClient } from '../../support/server/clients.js'
import type { TestApp } from '../../support/server/server.js'
import { TEST_REFRESH_SECRET, TEST_SECRET, tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

/* Two servers on one database. Either may answer. */

const app = await useTestApp()
const other = await app.beside()

const firstToken = (id: string, role: Role = 'customer', ttlMs = 86_400_000) =>
  signRefreshToken({ id, role }, TEST_REFRESH_SECRET, { ttlMs })

const refresh = (refreshToken: unknown, server: TestApp = app) =>
  call(server.url, 'POST', '/api/v1/auth/refresh', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken }),
  })

const read = (accessToken: string) =>
  call(app.url, 'GET', '/api/v1/broadcasts', { headers: { authorization: `Bearer ${accessToken}` } })

describe('R9.5 a refresh token', () => {
  test('is exchanged for a valid access token and its successor', async () => {
    const first = await refresh(await firstToken('c1'))
    expect(first).toMatchObject({ status: 200, body: { expiresInSeconds: 3_600 } })
    expect((await read(first.body.accessToken)).status).toBe(200)
    const second = await refresh(first.body.refreshToken, other)
    expect(second.status).toBe(200)
    expect((await refresh(second.body.refreshToken)).status).toBe(200)
  })

  test('used twice ends its family: the successor is no longer valid either, on any process', async () => {
    const token = await firstToken('c2')
    const { body } = await refresh(token)
    expect(await refresh(token, other)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
    expect((await refresh(body.refreshToken)).status).toBe(401)
    expect((await refresh(body.refreshToken, other)).status).toBe(401)
    // Another sign-in of the same user is another family.
    expect((await refresh(await firstToken('c2'))).status).toBe(200)
  })

  test('of many simultaneous uses on two processes one gets the next token, which is then invalid', async () => {
    for (let round = 0; round < 5; round++) {
      // In one round the family is new, in the next it is there already.
      const start = await firstToken(`c-race-${round}`)
      const token = round % 2 === 0 ? start : (await refresh(start)).body.refreshToken
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => refresh(token, i % 2 ? app : other)),
      )
      const winners = answers.filter(({ status }) => status === 200)
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(401)])
      expect((await refresh(winners[0]?.body.refreshToken)).status).toBe(401)
    }
  })

  test('R11.2 of a user that was turned off is refused, even when the user is on again', async () => {
    const admin = await createClient(app.url, 'admin', 'a1')
    const token = await firstToken('c-off')
    await admin.put('/api/v1/admin/users/customer/c-off', { active: false })
    expect(await refresh(token)).toMatchObject({ status: 403, body: { code: 'USER_INACTIVE' } })
    await admin.put('/api/v1/admin/users/customer/c-off', { active: true })
    expect(await refresh(token)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
  })

  test.each([
    ['an access token', () => tokenFor('customer', 'c1')],
    ['one that has expired', () => firstToken('c1', 'customer', -1_000)],
    [
      'one signed with the key of access tokens',
      () => signRefreshToken({ id: 'c1', role: 'customer' }, TEST_SECRET),
    ],
    [
      'one without an id',
      () => signRefreshToken({ id: 'c1', role: 'customer' }, TEST_REFRESH_SECRET, { id: '' }),
    ],
    ['one of no known role', () => signRefreshToken({ id: 'c1', role: 'king' as Role }, TEST_REFRESH_SECRET)],
    ['no token at all', async () => 'x'],
  ])('%s is none', async (_what, make) => {
    expect(await refresh(await make())).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
  })

  test('is not accepted as an access token', async () => {
    expect((await read(await firstToken('c1'))).status).toBe(401)
  })

  test('of one user does not end another user’s family, though it names the same', async () => {
    const sign = (id: string) =>
      signRefreshToken({ id, role: 'customer' }, TEST_REFRESH_SECRET, { id: 'same-jti' })
    expect((await refresh(await sign('c-one'))).status).toBe(200)
    expect((await refresh(await sign('c-two'))).status).toBe(200)
    expect((await refresh(await sign('c-one'))).status).toBe(401)
  })

  test('R11.1 of one role does not end a family of another role with the same id, though it names the same', async () => {
    const sign = (role: 'customer' | 'driver') =>
      signRefreshToken({ id: 'both', role }, TEST_REFRESH_SECRET, { id: 'one-jti' })
    const [asCustomer, asDriver] = [await sign('customer'), await sign('driver')]
    const first = await refresh(asCustomer)
    expect((await refresh(asDriver)).status).toBe(200)
    expect((await refresh(asDriver)).status).toBe(401)
    // The driver's family has ended, the customer's goes on.
    expect((await refresh(first.body.refreshToken)).status).toBe(200)
    expect((await refresh(asCustomer)).status).toBe(401)
    // Both begin at the same moment.
    const raced = await Promise.all(
      (['customer', 'driver'] as const).map(async role =>
        refresh(await signRefreshToken({ id: 'raced', role }, TEST_REFRESH_SECRET, { id: 'raced-jti' })),
      ),
    )
    expect(raced.map(({ status }) => status)).toEqual([200, 200])
  })

  test('families are kept until their last token has expired, and then deleted', async () => {
    const families = createRefreshFamilies(app.sql)
    const rotation = {
      person: { role: 'customer', id: 'swept' },
      family: 'f',
      shown: { id: 'a', issuedAt: Math.floor(Date.now() / 1000), expiresAt: Date.now() + 60_000 },
      next: { id: 'b', ttlMs: 60_000 },
    } as const
    expect(await families.rotate(rotation)).toMatchObject({ kind: 'rotated' })
    expect(await families.sweep(100)).toBe(0)
    expect(await families.rotate(rotation)).toMatchObject({ kind: 'used' })
    await app.query(
      "update refresh_families set remember_until = now() - interval '1 second' where family = 'f'",
    )
    expect(await families.sweep(100)).toBe(1)
  })
})
