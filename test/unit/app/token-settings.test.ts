import { describe, expect, test } from '@jest/globals'
import { loadSettings, SettingsError } from '../../../src/app/settings/settings.js'

const secret = (letter: string) => letter.repeat(32)
const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://user:hunter2@db.internal:5432/loadcast',
  JWT_SECRET: secret('a'),
  JWT_REFRESH_SECRET: secret('b'),
}
const issuer = {
  JWT_JWKS_URL: 'https://id.example.com/.well-known/jwks.json',
  JWT_ISSUER: 'https://id.example.com/',
  JWT_AUDIENCE: 'loadcast',
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadSettings(env)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}

describe('keys of tokens', () => {
  const all = {
    JWT_SECRET: secret('a'),
    JWT_SECRET_PREVIOUS: secret('b'),
    JWT_REFRESH_SECRET: secret('c'),
    JWT_REFRESH_SECRET_PREVIOUS: secret('d'),
  }
  const names = Object.keys(all) as (keyof typeof all)[]
  const pairs = names.flatMap((one, i) => names.slice(i + 1).map(other => [one, other] as const))

  test('R11.2 are accepted if all four differ', () => {
    expect(problemsOf(all)).toEqual([])
  })

  test.each(pairs)('R11.2 %s and %s must differ', (one, other) => {
    const problems = problemsOf({ ...all, [other]: all[one] })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`${other}: Expected another value than ${one}`)
  })

  test('are all named if all four are the same', () => {
    const same = Object.fromEntries(names.map(name => [name, secret('a')]))
    const named = problemsOf(same).map(line => line.split(':')[0])
    expect(new Set(named)).toEqual(new Set(names.slice(1)))
  })

  test('R11.2 are refused in production if docker-compose.yml once contained them, with a hint', () => {
    const published = {
      ...production,
      DATABASE_URL: 'postgres://loadcast:local-only@postgres:5432/loadcast',
      JWT_SECRET: 'local-only-access-key-0123456789abcdef',
      JWT_REFRESH_SECRET: 'local-only-refresh-key-0123456789abcdef',
    }
    const problems = problemsOf(published)
    expect(problems.map(line => line.split(':')[0])).toEqual([
      'JWT_SECRET',
      'JWT_REFRESH_SECRET',
      'DATABASE_URL',
    ])
    for (const problem of problems) expect(problem).toContain('openssl rand -base64 48')
    const { NODE_ENV, ...elsewhere } = published
    expect(problemsOf(elsewhere)).toEqual([])
  })

  test('R11.2 of an old docker-compose.yml are refused as previous keys too, and in a percent-encoded password', () => {
    expect(
      problemsOf({
        ...production,
        JWT_SECRET_PREVIOUS: 'local-only-access-key-0123456789abcdef',
        JWT_REFRESH_SECRET_PREVIOUS: 'local-only-refresh-key-0123456789abcdef',
        DATABASE_URL: 'postgres://loadcast:local%2Donly@postgres:5432/loadcast',
      }),
    ).toHaveLength(3)
  })
})

describe('lifetimes of tokens', () => {
  test('an access token may live for a day unless ACCESS_TOKEN_MAX_SECONDS says otherwise', () => {
    expect(loadSettings({}).accessTokenMaxMs).toBe(86_400_000)
    expect(loadSettings({ ACCESS_TOKEN_MAX_SECONDS: '90.5' }).accessTokenMaxMs).toBe(90_500)
  })

  test.each(['0', '-1', '0.5', '1e3', 'day', '2592001'])('ACCESS_TOKEN_MAX_SECONDS may not be %s', value => {
    expect(problemsOf({ ACCESS_TOKEN_MAX_SECONDS: value })).toEqual([
      expect.stringMatching('^ACCESS_TOKEN_MAX_SECONDS: Expected seconds'),
    ])
  })
})

describe('an external token issuer', () => {
  test('R11.2 has an address, an issuer and an audience', () => {
    expect(loadSettings({ ...production, ...issuer }).tokenIssuer).toEqual({
      jwksUrl: issuer.JWT_JWKS_URL,
      issuer: issuer.JWT_ISSUER,
      audience: issuer.JWT_AUDIENCE,
    })
    expect(loadSettings(production).tokenIssuer).toBeUndefined()
  })

  test.each(Object.keys(issuer) as (keyof typeof issuer)[])('R11.2 is incomplete without %s', name => {
    const { [name]: _left, ...rest } = issuer
    expect(problemsOf({ ...production, ...rest })).toEqual([
      expect.stringMatching(`^${name}: Required beside JWT_`),
    ])
  })

  test('is refused with all missing parts named at once', () => {
    expect(problemsOf({ JWT_JWKS_URL: issuer.JWT_JWKS_URL })).toHaveLength(2)
  })

  test('R11.2 needs https in production', () => {
    const plain = { ...issuer, JWT_JWKS_URL: 'http://127.0.0.1:9000/jwks' }
    expect(problemsOf(plain)).toEqual([])
    expect(problemsOf({ ...production, ...plain })).toEqual(['JWT_JWKS_URL: Expected https in production'])
  })

  test.each(['jwks.json', 'file:///etc/passwd', 'https://user:pass@id.example.com/jwks', 'https://x/#y', ''])(
    'may not have %j as its address of keys',
    value => {
      expect(problemsOf({ ...issuer, JWT_JWKS_URL: value })).toEqual([
        expect.stringMatching('^JWT_JWKS_URL: '),
      ])
    },
  )
})
