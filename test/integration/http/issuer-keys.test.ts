/* Tokens of an issuer with keys of its own, read over real HTTP: rotation, outage, and what strangers try. */
import { createHmac, createPublicKey } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import {
  type IssuerKeyLimits,
  type IssuerKeys,
  openIssuerKeys,
} from '../../../src/adapters/tokens/issuer-keys.js'
import { createTokenVerifier } from '../../../src/adapters/tokens/jwt.js'
import type { TokenVerifier } from '../../../src/dispatch/tokens.js'
import { until } from '../../support/engine/engine.js'
import { scaled } from '../../support/engine/pace.js'
import { createClient } from '../../support/server/clients.js'
import {
  AUDIENCE,
  ISSUER,
  makeKey,
  type SigningKey,
  signAs,
  startIssuer,
  type TestIssuer,
} from '../../support/server/issuer.js'
import { startTestApp } from '../../support/server/server.js'
import { TEST_SECRET, tokenFor } from '../../support/server/tokens.js'

const silentLog = pino({ level: 'silent' })

/** As in production but for the times: a test does not wait for minutes. */
const quick = { pauseMs: 300, readEveryMs: 60_000, timeoutMs: 400 }

let rsa: SigningKey
let ec: SigningKey
let ed: SigningKey
const open: { close(): Promise<void> | void }[] = []

beforeAll(async () => {
  rsa = await makeKey('RS256', 'rsa-1')
  ec = await makeKey('ES256', 'ec-1')
  ed = await makeKey('EdDSA', 'ed-1')
})
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

interface Setup {
  readonly issuer: TestIssuer
  readonly keys: IssuerKeys
  readonly verify: TokenVerifier
}

async function setUp(
  published: Parameters<typeof startIssuer>[0] = [rsa, ec, ed],
  limits: Partial<IssuerKeyLimits> = {},
): Promise<Setup> {
  const issuer = await startIssuer(published)
  const keys = openIssuerKeys({ url: issuer.url, log: silentLog, limits: { ...quick, ...limits } })
  const verify = createTokenVerifier({
    secret: TEST_SECRET,
    issuer: { keys, issuer: ISSUER, audience: AUDIENCE },
  })
  open.push(keys, issuer)
  return { issuer, keys, verify }
}

async function outcome(verify: TokenVerifier, token: string): Promise<string> {
  const result = await verify(token)
  return result.ok ? 'ok' : `${result.problem.code}: ${result.problem.detail}`
}

const UNKNOWN = 'UNAUTHENTICATED: The issuer has no key of this kid and algorithm'
const AWAY = 'UNAVAILABLE: The issuer of the token is unavailable'

describe('R11.2 tokens that an issuer signed', () => {
  test('are accepted with RS256, ES256 and EdDSA, beside those of the shared secret', async () => {
    const { issuer, verify } = await setUp()
    for (const key of [rsa, ec, ed]) {
      expect(await verify(await signAs(key))).toMatchObject({
        ok: true,
        value: { caller: { id: 'c1', role: 'customer' } },
      })
    }
    expect(await outcome(verify, await tokenFor('driver', 'd1'))).toBe('ok')
    expect(issuer.reads()).toBe(1)
  })

  test('are accepted by a whole server with the issuer in its settings', async () => {
    const issuer = await startIssuer([ec])
    const env = { JWT_JWKS_URL: issuer.url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE }
    const app = await startTestApp({ env })
    open.push(app, issuer)
    const read = async (token: string) =>
      (await fetch(`${app.url}/api/v1/broadcasts`, { headers: { authorization: `Bearer ${token}` } })).status
    expect(await read(await signAs(ec))).toBe(200)
    expect(await read(await signAs(ec, { aud: 'another' }))).toBe(401)
    expect((await (await createClient(app.url, 'customer', 'c2')).get('/api/v1/broadcasts')).status).toBe(200)
  })

  test.each([
    ['no iss', { iss: undefined }],
    ['the iss of another', { iss: 'https://evil.example.com/' }],
    ['an iss that is longer', { iss: `${ISSUER}x` }],
    ['no aud', { aud: undefined }],
    ['the aud of another', { aud: 'another-service' }],
    ['no role', { role: undefined }],
    ['an unknown role', { role: 'root' }],
    ['no sub', { sub: undefined }],
    ['no iat', { iat: undefined }],
    ['no exp', { exp: undefined }],
    ['an exp in the year 9999', { exp: 253_402_300_799 }],
    ['an exp that has passed', { exp: 1_000_000_000 }],
    ['an nbf in the future', { nbf: 4_000_000_000 }],
  ])('with %s are refused', async (_what, claims) => {
    const { verify } = await setUp()
    expect(await outcome(verify, await signAs(rsa, claims))).toMatch(/^UNAUTHENTICATED: /)
  })

  test('may name several audiences, ours among them', async () => {
    const { verify } = await setUp()
    expect(await outcome(verify, await signAs(ec, { aud: ['another', AUDIENCE] }))).toBe('ok')
  })

  test('without a kid, or with one that is not a text, are refused and cost the issuer nothing', async () => {
    const { issuer, verify } = await setUp()
    await verify(await signAs(rsa))
    for (const kid of [undefined, '', 7, ['rsa-1'], 'k'.repeat(300)]) {
      expect(await outcome(verify, await signAs(rsa, {}, { kid }))).toMatch(/^UNAUTHENTICATED: .*kid|^UNAUTH/)
    }
    expect(issuer.reads()).toBe(1)
  })
})

describe('R11.2 algorithms cannot be confused', () => {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const claims = () => ({
    sub: 'a1',
    role: 'admin',
    iss: ISSUER,
    aud: AUDIENCE,
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 600,
  })

  test('a public key is no shared secret, in any form', async () => {
    const { verify } = await setUp()
    await verify(await signAs(rsa))
    const publicKey = createPublicKey(rsa.privateKey)
    const forms = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(rsa.jwk),
      String(rsa.jwk.n),
      '',
    ]
    for (const form of forms) {
      for (const kid of [rsa.kid, undefined]) {
        const signed = `${encode({ alg: 'HS256', kid })}.${encode(claims())}`
        const forged = `${signed}.${createHmac('sha256', form).update(signed).digest('base64url')}`
        expect(await outcome(verify, forged)).toBe('UNAUTHENTICATED: The signature does not match')
      }
    }
  })

  test.each(['none', 'None', 'RS384', 'RS512', 'PS256', 'ES384', 'HS512', 'Ed25519', 'rs256', '', null, 5])(
    'alg %j is refused',
    async alg => {
      const { verify } = await setUp()
      const signed = `${encode({ alg, kid: rsa.kid })}.${encode(claims())}`
      for (const signature of ['', 'AAAA']) {
        expect(await outcome(verify, `${signed}.${signature}`)).toMatch(/^UNAUTHENTICATED: /)
      }
    },
  )

  test('a key is not tried for another algorithm that its token names', async () => {
    const { verify } = await setUp()
    expect(await outcome(verify, await signAs({ ...rsa, kid: ec.kid }))).toBe(UNKNOWN)
    expect(await outcome(verify, await signAs({ ...ed, kid: rsa.kid }))).toBe(UNKNOWN)
    const other = await makeKey('RS256', rsa.kid)
    expect(await outcome(verify, await signAs(other))).toBe('UNAUTHENTICATED: The signature does not match')
  })

  test('a key that a token contains or links to is ignored', async () => {
    const evil = await makeKey('RS256', 'evil')
    const attacker = await startIssuer([evil])
    open.push(attacker)
    const { verify } = await setUp()
    for (const kid of ['evil', rsa.kid]) {
      for (const header of [
        { jwk: evil.jwk },
        { jku: attacker.url },
        { x5u: attacker.url },
        { x5c: ['AAAA'] },
      ]) {
        expect(await outcome(verify, await signAs({ ...evil, kid }, {}, header))).toMatch(
          /^UNAUTHENTICATED: /,
        )
      }
    }
    expect(attacker.reads()).toBe(0)
  })

  test('keys for encryption, symmetric ones, weak ones and broken ones in the set are ignored', async () => {
    const weak = { kty: 'RSA', kid: 'weak', n: 'AQAB'.repeat(40), e: 'AQAB' }
    const { verify } = await setUp([
      { ...rsa.jwk, kid: 'enc', use: 'enc' },
      { ...rsa.jwk, kid: 'other-alg', alg: 'PS256' },
      { ...rsa.jwk, kid: 'signs', key_ops: ['sign'] },
      { kty: 'oct', kid: 'oct', k: 'c2VjcmV0', alg: 'HS256' },
      { kty: 'EC', crv: 'P-256', kid: 'broken', x: 'AA', y: 'AA' },
      { kty: 'EC', crv: 'P-256', kid: 'partless' },
      weak,
      ec,
    ])
    for (const kid of ['enc', 'other-alg', 'signs']) {
      expect(await outcome(verify, await signAs({ ...rsa, kid }))).toBe(UNKNOWN)
    }
    expect(await outcome(verify, await signAs({ ...ec, kid: 'broken' }))).toBe(UNKNOWN)
    expect(await outcome(verify, await signAs({ ...rsa, kid: 'weak' }))).toBe(UNKNOWN)
    expect(await outcome(verify, await signAs(ec))).toBe('ok')
  })
})

describe('R11.2 an issuer that rotates its keys', () => {
  test('is read again for an unknown key', async () => {
    const { issuer, verify } = await setUp([rsa])
    expect(await outcome(verify, await signAs(rsa))).toBe('ok')
    await delay(quick.pauseMs)
    issuer.publish([rsa, ec])
    expect(await outcome(verify, await signAs(ec))).toBe('ok')
    expect(issuer.reads()).toBe(2)
  })

  test('revokes a key, also for tokens that were verified before', async () => {
    const { issuer, verify } = await setUp([rsa, ec], { readEveryMs: 200 })
    const [old, kept] = [await signAs(rsa), await signAs(ec)]
    expect([await outcome(verify, old), await outcome(verify, kept)]).toEqual(['ok', 'ok'])
    issuer.publish([ec])
    await until(async () => (await outcome(verify, old)) === UNKNOWN)
    expect(await outcome(verify, kept)).toBe('ok')
    issuer.publish([])
    await until(async () => (await outcome(verify, kept)) === UNKNOWN)
  })

  test('puts another key under an old name: tokens of the old key are refused', async () => {
    const { issuer, verify } = await setUp([rsa], { readEveryMs: 200 })
    const old = await signAs(rsa)
    expect(await outcome(verify, old)).toBe('ok')
    const next = await makeKey('RS256', rsa.kid)
    issuer.publish([next])
    await until(async () => (await outcome(verify, old)) !== 'ok')
    expect(await outcome(verify, await signAs(next))).toBe('ok')
  })

  test('is not read for each name that a stranger invents', async () => {
    const { issuer, verify } = await setUp([rsa])
    await verify(await signAs(rsa))
    const begunAt = performance.now()
    let tried = 0
    while (tried <= 50 || performance.now() - begunAt < 1_000) {
      const made = await Promise.all([0, 1, 2, 3].map(i => signAs({ ...ec, kid: `made-up-${tried + i}` })))
      for (const token of made) expect(await outcome(verify, token)).toBe(UNKNOWN)
      tried += 4
    }
    const passedMs = performance.now() - begunAt
    expect(issuer.reads()).toBeLessThanOrEqual(1 + Math.ceil(passedMs / quick.pauseMs) + 1)
    expect(await outcome(verify, await signAs(rsa))).toBe('ok')
  })
})

describe('R11.2 an issuer that is unavailable, slow or hostile', () => {
  const broken: [string, Parameters<TestIssuer['answer']>[0]][] = [
    ['closes the connection', res => res.destroy()],
    ['answers 500', res => res.writeHead(500).end('{}')],
    ['never answers', () => {}],
    ['never ends its answer', res => void res.write('{"keys":[')],
    ['answers no JSON', res => res.end('<html>')],
    ['answers another shape', res => res.end('{"keys":{"0":{}}}')],
    ['leads elsewhere', res => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['answers 100 MB', res => flood(res)],
    ['answers ten thousand keys', res => res.end(JSON.stringify({ keys: Array(10_000).fill({ kid: 'x' }) }))],
  ]
  const flood = (res: import('node:http').ServerResponse) => {
    const block = Buffer.alloc(65_536, ' ')
    let blocks = 1_600
    const more = () => {
      while (blocks-- > 0) if (!res.write(block)) return void res.once('drain', more)
      res.end()
    }
    more()
  }

  test.each(broken)(
    'which %s: known keys go on, and nobody is told that a token is bad',
    async (_how, answer) => {
      const { issuer, verify } = await setUp([rsa], { readEveryMs: 100, maxKeys: 50 })
      const known = await signAs(rsa)
      expect(await outcome(verify, known)).toBe('ok')
      issuer.answer(answer)
      const before = issuer.reads()
      await until(async () => issuer.reads() >= before + 2)
      const begunAt = performance.now()
      expect(await outcome(verify, await signAs(rsa, { sub: 'c2' }))).toBe('ok')
      expect(await outcome(verify, known)).toBe('ok')
      expect(performance.now() - begunAt).toBeLessThan(scaled(200))
      // A key that nobody knows yet may be a new one.
      expect(await outcome(verify, await signAs(ec))).toBe(AWAY)
      issuer.answer(undefined)
      issuer.publish([rsa, ec])
      await until(async () => (await outcome(verify, await signAs(ec))) === 'ok')
    },
  )

  test('which was never available: 503 for its tokens, while tokens of the shared secret work', async () => {
    const keys = openIssuerKeys({ url: 'http://127.0.0.1:1/', log: silentLog, limits: quick })
    open.push(keys)
    const alone = createTokenVerifier({
      secret: TEST_SECRET,
      issuer: { keys, issuer: ISSUER, audience: AUDIENCE },
    })
    expect(await outcome(alone, await signAs(rsa))).toBe(AWAY)
    expect(await outcome(alone, await tokenFor('customer', 'c1'))).toBe('ok')
  })

  test('which is slow holds few requests', async () => {
    const { issuer, verify } = await setUp([rsa], { maxWaiting: 5, timeoutMs: 1_000 })
    await verify(await signAs(rsa))
    await delay(quick.pauseMs)
    issuer.answer(() => {})
    const tokens = await Promise.all(Array.from({ length: 40 }, (_, i) => signAs({ ...ec, kid: `k${i}` })))
    const begunAt = performance.now()
    const waits = await Promise.all(
      tokens.map(async token => {
        expect(await outcome(verify, token)).toBe(AWAY)
        return performance.now() - begunAt
      }),
    )
    expect(waits.filter(ms => ms > 500)).toHaveLength(5)
    expect(issuer.reads()).toBe(2)
  })
})
