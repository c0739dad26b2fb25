import { createHmac, generateKeyPairSync } from 'node:crypto'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { SignJWT, UnsecuredJWT } from 'jose'
import { loadLocalSecrets } from '../../src/adapters/secrets/local-secrets.js'
import { createTokenVerifier, signToken } from '../../src/adapters/tokens/jwt.js'
import { temporaryFolder } from '../support/temporary-folder.js'

const secret = 's'.repeat(40)
const other = 'o'.repeat(40)
const hour = 3_600_000
const caller = { id: 'c1', role: 'customer' } as const
const verify = createTokenVerifier({ secret })
const inAnHour = () => Math.floor((Date.now() + hour) / 1000)

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
  test('a signed token names its caller and its end', async () => {
    const now = 1_700_000_000_500
    const token = await signToken(caller, secret, hour, now)
    expect(await createTokenVerifier({ secret }, () => now)(token)).toEqual({
      ok: true,
      value: { caller, expiresAt: 1_700_000_000_000 + hour },
    })
  })

  test('it is refused from the very moment of its end on, also when it was verified before', async () => {
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

  test('while rotating, the previous secret still opens', async () => {
    const token = await signToken(caller, other, hour)
    expect(await refusal(token)).toBe('The signature does not fit')
    expect((await createTokenVerifier({ secret, previous: other })(token)).ok).toBe(true)
  })

  test('alg none is refused, signed or not', async () => {
    const unsigned = new UnsecuredJWT({ role: 'admin' }).setSubject('a1').setExpirationTime('1h').encode()
    expect(await refusal(unsigned)).toBeDefined()
    expect(await refusal(forge({ alg: 'none' }, { sub: 'a1', role: 'admin', exp: inAnHour() }))).toBe(
      'Only HS256 is accepted',
    )
  })

  test('other algorithms are refused, though the key would do', async () => {
    const claims = new SignJWT({ role: 'admin' }).setSubject('a1').setExpirationTime('1h')
    const hs512 = await claims.setProtectedHeader({ alg: 'HS512' }).sign(Buffer.from('k'.repeat(64)))
    expect(await refusal(hs512, createTokenVerifier({ secret: 'k'.repeat(64) }))).toBe(
      'Only HS256 is accepted',
    )
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const rs256 = await new SignJWT({ role: 'admin' })
      .setSubject('a1')
      .setExpirationTime('1h')
      .setProtectedHeader({ alg: 'RS256' })
      .sign(privateKey)
    expect(await refusal(rs256)).toBe('Only HS256 is accepted')
  })

  test.each([
    ['no exp', { sub: 'c1', role: 'customer' }],
    ['no sub', { role: 'customer', exp: inAnHour() }],
    ['no role', { sub: 'c1', exp: inAnHour() }],
    ['an unknown role', { sub: 'c1', role: 'root', exp: inAnHour() }],
    ['several roles', { sub: 'c1', role: ['customer', 'admin'], exp: inAnHour() }],
    ['a sub that is no id', { sub: 'c 1\u0000', role: 'customer', exp: inAnHour() }],
    ['an exp that is text', { sub: 'c1', role: 'customer', exp: '2099-01-01' }],
    ['a start in the future', { sub: 'c1', role: 'customer', exp: inAnHour(), nbf: inAnHour() }],
  ])('%s: refused', async (_what, payload) => {
    expect(await refusal(forge({ alg: 'HS256' }, payload))).toBeDefined()
  })

  test.each(['', '.', '..', 'a.b.c', 'x'.repeat(5000), 'e30.e30.', '🚚.🚚.🚚'])(
    '%j is no token',
    async text => {
      expect(await refusal(text)).toBeDefined()
    },
  )

  test('one changed character breaks it', async () => {
    const [header = '', , signature = ''] = (await signToken(caller, secret, hour)).split('.')
    const payload = Buffer.from(JSON.stringify({ sub: 'c2', role: 'customer', exp: inAnHour() })).toString(
      'base64url',
    )
    expect(await refusal(`${header}.${payload}.${signature}`)).toBe('The signature does not fit')
  })
})

describe('local secrets', () => {
  const folder = () => temporaryFolder('secrets')

  test('are made once, also by ten at the same time, and kept for their owner only', async () => {
    const dir = join(await folder(), 'data')
    const all = await Promise.all(Array.from({ length: 10 }, () => loadLocalSecrets(dir)))
    expect(new Set(all.map(s => s.jwtSecret)).size).toBe(1)
    expect(all[0]?.jwtSecret).not.toBe(all[0]?.jwtRefreshSecret)
    expect(await loadLocalSecrets(dir)).toEqual(all[0])
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600)
  })

  test('are closed to others again when somebody opened them', async () => {
    const dir = await folder()
    await loadLocalSecrets(dir)
    await chmod(join(dir, 'secrets.json'), 0o644)
    await loadLocalSecrets(dir)
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600)
  })

  test('a file that cannot be used is left alone, and its content not told', async () => {
    const dir = await folder()
    const path = join(dir, 'secrets.json')
    await writeFile(path, '{"jwtSecret":"tell-nobody"')
    await expect(loadLocalSecrets(dir)).rejects.toThrow(/does not contain valid secrets/)
    await expect(loadLocalSecrets(dir)).rejects.not.toThrow(/tell-nobody/)
    expect(await readFile(path, 'utf8')).toContain('tell-nobody')
  })
})
