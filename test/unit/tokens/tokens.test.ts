import { createHmac, generateKeyPairSync } from 'node:crypto'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { SignJWT, UnsecuredJWT } from 'jose'
import { loadLocalSecrets } from '../../../src/adapters/secrets/local-secrets.js'
import { createTokenVerifier, signToken } from '../../../src/adapters/tokens/jwt.js'
import { createRefreshTokens, signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const secret = 's'.repeat(40)
const other = 'o'.repeat(40)
const hour = 3_600_000
const caller = { id: 'c1', role: 'customer' } as const
const verify = createTokenVerifier({ secret })
const inAnHour = () => Math.floor((Date.now() + hour) / 1000)
const iat = Math.floor(Date.now() / 1000)

/** Signs whatever it is given, as an attacker or a careless service would. */
function forge(header: Record<string, unknown>, payload: Record<string, unknown>, key = secret): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

async function refusal(token: string, verifier = verify): Promise<string | undefined> {
  const result = await verifier(token)
  if (result.ok) throw new Error(`accepted: ${JSON.stringify(result.value)}`)
  expect(result.problem.code).toBe('UNAUTHENTICATED')
  return result.problem.detail
}

describe('access tokens', () => {
  test('name the caller and the end of their validity', async () => {
    const now = 1_700_000_000_500
    const token = await signToken(caller, secret, hour, now)
    expect(await createTokenVerifier({ secret }, () => now)(token)).toEqual({
      ok: true,
      value: { caller, issuedAt: 1_700_000_000, expiresAt: 1_700_000_000_000 + hour },
    })
  })

  test('are refused from the very moment of their end, also if they were verified before', async () => {
    let now = 1_700_000_000_000
    const verifier = createTokenVerifier({ secret }, () => now)
    const token = await signToken(caller, secret, hour, now)
    now += hour - 1
    expect((await verifier(token)).ok).toBe(true)
    now += 1
    expect(await refusal(token, verifier)).toBe('The token has expired')
    expect(
      await refusal(
        token,
        createTokenVerifier({ secret }, () => now),
      ),
    ).toBe('The token has expired')
  })

  test('signed with the previous secret are accepted during a rotation', async () => {
    const token = await signToken(caller, other, hour)
    expect(await refusal(token)).toBe('The signature does not match')
    expect((await createTokenVerifier({ secret, previous: other })(token)).ok).toBe(true)
  })

  test('with alg none are refused, signed or not', async () => {
    const unsigned = new UnsecuredJWT({ role: 'admin' })
      .setSubject('a1')
      .setIssuedAt()
      .setExpirationTime('1h')
      .encode()
    expect(await refusal(unsigned)).toBeDefined()
    expect(await refusal(forge({ alg: 'none' }, { sub: 'a1', role: 'admin', iat, exp: inAnHour() }))).toBe(
      'Only HS256 is accepted',
    )
  })

  test('with other algorithms are refused, even if the key fits', async () => {
    const claims = new SignJWT({ role: 'admin' }).setSubject('a1').setIssuedAt().setExpirationTime('1h')
    const hs512 = await claims.setProtectedHeader({ alg: 'HS512' }).sign(Buffer.from('k'.repeat(64)))
    expect(await refusal(hs512, createTokenVerifier({ secret: 'k'.repeat(64) }))).toBe(
      'Only HS256 is accepted',
    )
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const rs256 = await new SignJWT({ role: 'admin' })
      .setSubject('a1')
      .setIssuedAt()
      .setExpirationTime('1h')
      .setProtectedHeader({ alg: 'RS256' })
      .sign(privateKey)
    expect(await refusal(rs256)).toBe('Only HS256 is accepted')
  })

  test.each([
    ['no exp', { sub: 'c1', role: 'customer', iat }],
    ['no sub', { role: 'customer', iat, exp: inAnHour() }],
    ['no role', { sub: 'c1', iat, exp: inAnHour() }],
    ['an unknown role', { sub: 'c1', role: 'root', iat, exp: inAnHour() }],
    ['several roles', { sub: 'c1', role: ['customer', 'admin'], iat, exp: inAnHour() }],
    ['a sub that is no id', { sub: 'c 1\u0000', role: 'customer', iat, exp: inAnHour() }],
    ['an exp that is text', { sub: 'c1', role: 'customer', iat, exp: '2099-01-01' }],
    ['a start in the future', { sub: 'c1', role: 'customer', iat, exp: inAnHour(), nbf: inAnHour() }],
    ['no iat', { sub: 'c1', role: 'customer', exp: inAnHour() }],
    ['an iat that is text', { sub: 'c1', role: 'customer', iat: String(iat), exp: inAnHour() }],
  ])('with %s are refused', async (_what, payload) => {
    expect(await refusal(forge({ alg: 'HS256' }, payload))).toBeDefined()
  })

  test('R11.2 live for a day at most, or for as long as the settings say', async () => {
    const at = (exp: number) => forge({ alg: 'HS256' }, { sub: 'c1', role: 'customer', iat, exp })
    const tooLong = 'The token lives too long: exp may be at most 86400 seconds after iat'
    expect((await verify(at(iat + 86_400))).ok).toBe(true)
    expect(await refusal(at(iat + 86_401))).toBe(tooLong)
    expect(await refusal(at(253_402_300_799))).toBe(tooLong) // the year 9999
    expect(await refusal(at(1e308))).toBeDefined()
    const short = createTokenVerifier({ secret, maxTtlMs: 60_000 })
    expect((await short(at(iat + 60))).ok).toBe(true)
    expect(await refusal(at(iat + 61), short)).toMatch('at most 60 seconds')
    // An old token is not renewed by a late end.
    const old = forge({ alg: 'HS256' }, { sub: 'c1', role: 'customer', iat: iat - 90_000, exp: inAnHour() })
    expect(await refusal(old)).toBe(tooLong)
    for (const odd of [-1, 0, 0.5]) {
      const token = forge({ alg: 'HS256' }, { sub: 'c1', role: 'customer', iat: odd, exp: inAnHour() })
      expect(await refusal(token)).toBe(tooLong)
    }
  })

  test('R11.2 may come from a clock that is a little ahead, but not from the future', async () => {
    const now = iat * 1000
    const verifier = createTokenVerifier({ secret }, () => now)
    expect((await verifier(await signToken(caller, secret, hour, now + 5_000))).ok).toBe(true)
    expect(await refusal(await signToken(caller, secret, hour, now + 6_000), verifier)).toMatch(
      'in the future',
    )
  })

  test.each(['', '.', '..', 'a.b.c', 'x'.repeat(5000), 'e30.e30.', '🚚.🚚.🚚'])(
    'cannot be %j',
    async text => {
      expect(await refusal(text)).toBeDefined()
    },
  )

  test('are refused after one character was changed', async () => {
    const [header = '', , signature = ''] = (await signToken(caller, secret, hour)).split('.')
    const payload = Buffer.from(
      JSON.stringify({ sub: 'c2', role: 'customer', iat, exp: inAnHour() }),
    ).toString('base64url')
    expect(await refusal(`${header}.${payload}.${signature}`)).toBe('The signature does not match')
  })
})

describe('refresh tokens', () => {
  const refreshSecret = 'r'.repeat(40)
  const tokens = createRefreshTokens({ secret, refreshSecret, accessTtlMs: 90_000 })
  const monthMs = 30 * 24 * hour

  test('R11.2 live for thirty days at most', async () => {
    const sign = (ttlMs: number) => signRefreshToken(caller, refreshSecret, { ttlMs })
    expect((await tokens.verify(await sign(monthMs))).ok).toBe(true)
    const result = await tokens.verify(await sign(monthMs + 1_000))
    expect(result).toMatchObject({ ok: false, problem: { detail: expect.stringMatching('lives too long') } })
  })

  test('R11.2 need an iat', async () => {
    const claims = { sub: 'c1', role: 'customer', jti: 'j1', exp: inAnHour() }
    expect((await tokens.verify(forge({ alg: 'HS256' }, { ...claims, iat }, refreshSecret))).ok).toBe(true)
    expect((await tokens.verify(forge({ alg: 'HS256' }, claims, refreshSecret))).ok).toBe(false)
  })
})

describe('local secrets', () => {
  const folder = () => temporaryFolder('secrets')

  test('are made once, also by ten processes at a time, and only their owner can read them', async () => {
    const dir = join(await folder(), 'data')
    const all = await Promise.all(Array.from({ length: 10 }, () => loadLocalSecrets(dir)))
    expect(new Set(all.map(s => s.jwtSecret)).size).toBe(1)
    expect(all[0]?.jwtSecret).not.toBe(all[0]?.jwtRefreshSecret)
    expect(await loadLocalSecrets(dir)).toEqual(all[0])
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600)
  })

  test('are closed again after they were opened to other users', async () => {
    const dir = await folder()
    await loadLocalSecrets(dir)
    await chmod(join(dir, 'secrets.json'), 0o644)
    await loadLocalSecrets(dir)
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600)
  })

  test('are left alone in a file that cannot be used, and its content is not shown', async () => {
    const dir = await folder()
    const path = join(dir, 'secrets.json')
    await writeFile(path, '{"jwtSecret":"tell-nobody"')
    await expect(loadLocalSecrets(dir)).rejects.toThrow(/does not contain valid secrets/)
    await expect(loadLocalSecrets(dir)).rejects.not.toThrow(/tell-nobody/)
    expect(await readFile(path, 'utf8')).toContain('tell-nobody')
  })
})
