import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { ADVISED_CAPS } from '../../../src/app/settings/caps.js'
import { loadDatabaseWait, loadSettings, SettingsError } from '../../../src/app/settings/settings.js'
import { NO_CAPS } from '../../../src/dispatch/caps.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'
import { makeServiceAccount } from '../../support/server/service-account.js'

const secret = (letter: string) => letter.repeat(32)
const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://user:hunter2@db.internal:5432/loadcast',
  JWT_SECRET: secret('a'),
  JWT_REFRESH_SECRET: secret('b'),
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

describe('settings', () => {
  test('an empty environment gives the documented defaults', () => {
    expect(loadSettings({})).toEqual({
      isProduction: false,
      port: 3000,
      host: '127.0.0.1',
      socketAdapter: 'classic',
      redisMode: 'standalone',
      role: 'all',
      broadcastTimeoutMs: 120_000,
      reachStepsKm: [10, 25, 50, 75],
      reachStepMs: 15_000,
      cancelWindowMs: 300_000,
      transporterTtlMs: 120_000,
      driverTtlMs: 60_000,
      accessTokenMaxMs: 86_400_000,
      eventRetentionMs: 86_400_000,
      maxFleet: 1000,
      databaseWaitMs: 60_000,
      logLevel: 'warn',
      corsOrigins: [],
      drainMs: 25_000,
      rateLimitUserPerMinute: 0,
      rateLimitAddressPerMinute: 0,
      caps: NO_CAPS,
      trustedProxies: 0,
      traceRatio: 1,
      dataDir: '.loadcast',
    })
  })

  test('production listens on all interfaces and logs more', () => {
    expect(loadSettings(production)).toMatchObject({ isProduction: true, host: '0.0.0.0', logLevel: 'info' })
  })

  test('seconds accept decimals', () => {
    const settings = loadSettings({ BROADCAST_TIMEOUT_SECONDS: '0.25', REACH_STEP_SECONDS: '1.5' })
    expect(settings).toMatchObject({ broadcastTimeoutMs: 250, reachStepMs: 1500 })
  })

  test('R9.1 a missing secret stops production, and the message names all missing ones', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'DATABASE_URL: Required in production',
      'JWT_SECRET: Required in production',
      'JWT_REFRESH_SECRET: Required in production',
    ])
  })

  test.each([
    ['postgres://user@one,two/freight', /^DATABASE_URL: Expected one host/],
    ['postgres://user@one:5432,two:5432/freight', /^DATABASE_URL: Expected one host/],
    ['postgres:///freight?host=one,two', /^DATABASE_URL: Expected one host/],
    [
      'postgres://user@one/freight?target_session_attrs=standby',
      /^DATABASE_URL: Expected no target_session_attrs/,
    ],
    ['postgres://user@one/freight?connect_timeout=soon', /^DATABASE_URL: Expected seconds above 0/],
  ])('%s is refused, because the driver would ignore a part of it', (DATABASE_URL, complaint) => {
    expect(problemsOf({ DATABASE_URL })).toEqual([expect.stringMatching(complaint)])
  })

  test('a password may contain a comma, and target_session_attrs may ask for a writable server', () => {
    const DATABASE_URL = 'postgres://user:a,b@one/freight?target_session_attrs=read-write'
    expect(loadSettings({ DATABASE_URL }).databaseUrl).toBe(DATABASE_URL)
  })

  test('a program that needs only the database reads how long to wait for it', () => {
    expect(loadDatabaseWait({})).toBe(60_000)
    expect(loadDatabaseWait({ DATABASE_WAIT_SECONDS: '0.5' })).toBe(500)
    expect(() => loadDatabaseWait({ DATABASE_WAIT_SECONDS: 'long' })).toThrow(
      'DATABASE_WAIT_SECONDS: Expected',
    )
  })

  test('an empty value counts as missing', () => {
    expect(problemsOf({ ...production, JWT_SECRET: '' })).toEqual(['JWT_SECRET: Required in production'])
  })

  test('all bad settings are reported at once, by name, with what was expected', () => {
    const problems = problemsOf({
      NODE_ENV: 'production',
      PORT: '70000',
      BROADCAST_TIMEOUT_SECONDS: 'soon',
      REACH_STEPS_KM: '10,5',
      LOG_LEVEL: 'loud',
    })
    expect(problems).toEqual([
      'PORT: Expected a whole number from 0 to 65535',
      'LOG_LEVEL: Expected one of fatal, error, warn, info, debug, trace, silent',
      'BROADCAST_TIMEOUT_SECONDS: Expected seconds, a decimal number from 0.001 to 2592000',
      'REACH_STEPS_KM: Expected positive, ascending radii of at most 20037 km',
      'DATABASE_URL: Required in production',
      'JWT_SECRET: Required in production',
      'JWT_REFRESH_SECRET: Required in production',
    ])
  })

  test.each(['-1', '0', '1e3', '1,5', ' 5', 'NaN', 'Infinity', '9999999'])(
    '%j is refused as a duration',
    value => {
      expect(problemsOf({ BROADCAST_TIMEOUT_SECONDS: value })).toHaveLength(1)
    },
  )

  test('events are kept for hours, decimals included, and never for no time at all', () => {
    expect(loadSettings({ EVENT_RETENTION_HOURS: '1.5' }).eventRetentionMs).toBe(5_400_000)
    for (const value of ['0', '0.01', '1d', '10000']) {
      expect(problemsOf({ EVENT_RETENTION_HOURS: value })).toEqual([
        'EVENT_RETENTION_HOURS: Expected hours, a decimal number from 0.1 to 8784',
      ])
    }
  })

  test.each(['0', '10,10', '1,2,3,4,5', '10,,20', 'ten', '-5', '30000'])(
    '%j are refused as reach steps',
    value => {
      expect(problemsOf({ REACH_STEPS_KM: value })).toHaveLength(1)
    },
  )

  test('one reach step is enough', () => {
    expect(loadSettings({ REACH_STEPS_KM: '7.5' }).reachStepsKm).toEqual([7.5])
  })

  test('a misspelt NODE_ENV is refused instead of meaning development', () => {
    expect(problemsOf({ ...production, NODE_ENV: 'prod' })).toEqual([
      'NODE_ENV: Expected production, development or test',
    ])
  })

  test.each([['HISTORY_RETENTION_DAYS', '30']])(
    '%s is refused as long as nothing honours it',
    (name, value) => {
      expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(`^${name}: This version has no `)])
    },
  )

  describe('FCM_SERVICE_ACCOUNT', () => {
    const account = makeServiceAccount()
    const expected = {
      projectId: account.project_id,
      clientEmail: account.client_email,
      privateKey: account.private_key,
    }

    test('R8.1 is the JSON of a service account, or the path of a file that holds it', async () => {
      const json = JSON.stringify(account)
      const file = join(await temporaryFolder('settings'), 'fcm.json')
      await writeFile(file, json)
      for (const given of [json, file]) {
        expect(loadSettings({ FCM_SERVICE_ACCOUNT: given }).fcmServiceAccount).toEqual(expected)
      }
    })

    test.each([
      ['{}', 'project_id, client_email, private_key is missing'],
      ['{', 'it is no JSON'],
      ['/no/such/file', 'there is no file of that name'],
      [JSON.stringify({ ...account, private_key: 'a-secret' }), 'private_key is missing or not usable'],
    ])('R8.1 stops the start if it cannot be used, and the message shows nothing of it', (given, message) => {
      const problems = problemsOf({ FCM_SERVICE_ACCOUNT: given })
      expect(problems).toEqual([expect.stringContaining(message)])
      expect(problems.join()).not.toMatch(/a-secret|iam\.gserviceaccount/)
    })
  })

  test('limits and the number of proxies are whole numbers', () => {
    const given = {
      RATE_LIMIT_USER_PER_MINUTE: '600',
      RATE_LIMIT_ADDRESS_PER_MINUTE: '6000',
      TRUSTED_PROXIES: '1',
    }
    expect(loadSettings(given)).toMatchObject({
      rateLimitUserPerMinute: 600,
      rateLimitAddressPerMinute: 6_000,
      trustedProxies: 1,
    })
    for (const value of ['-1', '1.5', '10000000', 'many']) {
      expect(problemsOf({ RATE_LIMIT_USER_PER_MINUTE: value })).toHaveLength(1)
      expect(problemsOf({ TRUSTED_PROXIES: value })).toHaveLength(1)
    }
  })

  test('R11.4 caps are whole numbers, and infra sets the advised ones', async () => {
    const advised = Object.entries(ADVISED_CAPS).map(([name, value]) => [name, String(value)] as const)
    expect(loadSettings(Object.fromEntries(advised)).caps).toEqual({
      createsPerMinute: 20,
      createsPerDay: 1_000,
      cancelsPerHour: 20,
      tripsPerDay: 2_000,
      releasesPerRequest: 10,
      idempotencyKeysPerDay: 2_000,
      adminActionsPerHour: 1_000,
    })
    for (const [name, value] of advised) {
      const expected = `${name}: Expected a whole number from 0 (no cap) to 100000; ${value} is advised`
      for (const bad of ['-1', '1.5', '100001', 'many'])
        expect(problemsOf({ [name]: bad })).toEqual([expected])
    }
    const tasks = await readFile(join(repositoryRoot, 'infra/lib/tasks.ts'), 'utf8')
    for (const [name, value] of advised) expect(tasks).toContain(`  ${name}: '${value}',\n`)
  })

  test('all traces or a share of them go to a collector', () => {
    const given = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_TRACES_SAMPLER_ARG: '0.05' }
    expect(loadSettings(given)).toMatchObject({ otlpEndpoint: 'http://localhost:4318', traceRatio: 0.05 })
    for (const value of ['localhost:4318', 'grpc://host', 'http://h?x=1', 'http://u:p@h']) {
      expect(problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: value })).toHaveLength(1)
    }
    for (const value of ['-1', '1.1', '2', 'half']) {
      expect(problemsOf({ OTEL_TRACES_SAMPLER_ARG: value })).toHaveLength(1)
    }
  })

  test('a role or an adapter that needs Redis requires its URL', () => {
    const redis = { REDIS_URL: 'redis://localhost' }
    for (const role of ['api', 'worker']) {
      expect(problemsOf({ ROLE: role })).toEqual([expect.stringMatching('^ROLE: Expected REDIS_URL beside')])
      expect(loadSettings({ ...redis, ROLE: role })).toMatchObject({ role })
    }
    expect(problemsOf({ ROLE: 'boss', ...redis })).toEqual(['ROLE: Expected all, api or worker'])
    expect(problemsOf({ SOCKET_ADAPTER: 'sharded' })).toEqual([
      'SOCKET_ADAPTER: Expected REDIS_URL beside sharded',
    ])
    expect(loadSettings({ ...redis, SOCKET_ADAPTER: 'sharded' })).toMatchObject({ socketAdapter: 'sharded' })
    expect(problemsOf({ SOCKET_ADAPTER: 'mesh', ...redis })).toEqual([
      'SOCKET_ADAPTER: Expected classic or sharded',
    ])
  })

  test('INSPECT names a port or means the usual one, and is refused in production', () => {
    expect(loadSettings({}).inspectPort).toBeUndefined()
    expect(loadSettings({ INSPECT: '0' }).inspectPort).toBeUndefined()
    expect(loadSettings({ INSPECT: '1' }).inspectPort).toBe(8080)
    expect(loadSettings({ INSPECT: '9001' }).inspectPort).toBe(9001)
    expect(problemsOf({ INSPECT: 'yes' })).toEqual([
      expect.stringMatching('^INSPECT: Expected 0, 1, or the port'),
    ])
    expect(problemsOf({ ...production, INSPECT: '1' })).toEqual([
      expect.stringMatching('^INSPECT: Expected nothing in production'),
    ])
  })

  test('values that switch such settings off are accepted', () => {
    expect(problemsOf({ ROLE: 'all', SOCKET_ADAPTER: 'classic', RATE_LIMIT_USER_PER_MINUTE: '0' })).toEqual(
      [],
    )
  })

  test('secrets must be long, and access and refresh secrets must differ', () => {
    expect(problemsOf({ JWT_SECRET: 'short' })).toEqual(['JWT_SECRET: Expected at least 32 characters'])
    expect(problemsOf({ ...production, JWT_REFRESH_SECRET: production.JWT_SECRET })).toEqual([
      expect.stringMatching('^JWT_REFRESH_SECRET: Expected another value than JWT_SECRET'),
    ])
    expect(problemsOf({ JWT_SECRET_PREVIOUS: secret('p') })).toEqual([
      'JWT_SECRET_PREVIOUS: Expected JWT_SECRET beside it',
    ])
  })

  test('no value of a secret appears in the message', () => {
    const message = new SettingsError(
      problemsOf({ JWT_SECRET: 'tell-nobody', DATABASE_URL: 'mysql://root:tell-nobody@x/y' }),
    ).message
    expect(message).toContain('JWT_SECRET')
    expect(message).toContain('DATABASE_URL')
    expect(message).not.toContain('tell-nobody')
  })

  test.each(['redis://localhost', 'redis://:pass@host:6380/2', 'rediss://user:pass@redis.internal:6379'])(
    '%s is accepted as the URL of a Redis',
    url => {
      expect(loadSettings({ REDIS_URL: url }).redisUrl).toBe(url)
    },
  )

  test.each(['localhost:6379', 'http://host', 'redis://', 'redis://host/name', 'rediss://host?tls=false'])(
    '%s is refused as the URL of a Redis',
    url => {
      expect(problemsOf({ REDIS_URL: url })).toEqual([expect.stringMatching('^REDIS_URL: Expected redis://')])
    },
  )

  test.each([
    ['cluster', 'redis://a'],
    ['cluster', 'rediss://user:p%40ss@a:7000,b:7001,[::1]:7002/'],
    ['sentinel', 'redis://a/main'],
    ['sentinel', 'rediss://:pass@a:1,b:2,c/my-main.1/2?sentinelUsername=u&sentinelPassword=p%26'],
  ])('R13.5 in mode %s, %s is accepted as the URL of a Redis', (REDIS_MODE, REDIS_URL) => {
    expect(loadSettings({ REDIS_MODE, REDIS_URL })).toMatchObject({
      redisUrl: REDIS_URL,
      redisMode: REDIS_MODE,
    })
  })

  test.each([
    ['standalone', 'redis://a:1,b:2', 'Several servers need REDIS_MODE'],
    ['standalone', 'redis://:%zz@a', 'Expected redis://user:password@host:port'],
    ['standalone', 'redis://a:0', 'Expected redis://user:password@host:port'],
    ['standalone', 'redis://a:70000', 'Expected redis://user:password@host:port'],
    ['cluster', 'redis://a/1', 'without a path'],
    ['cluster', 'redis://a,,b', 'host:port,host:port'],
    ['cluster', 'redis://a?sentinelPassword=x', 'without a path'],
    ['sentinel', 'redis://a:26379', 'sentinel:port/master-name'],
    ['sentinel', 'redis://a/main?tls=false', 'the only parameters'],
    ['sentinel', 'http://a/main', 'sentinel:port/master-name'],
  ])('R13.5 in mode %s, %s is refused', (REDIS_MODE, REDIS_URL, part) => {
    expect(problemsOf({ REDIS_MODE, REDIS_URL })).toEqual([expect.stringContaining(part)])
  })

  test('the message about a refused Redis URL does not repeat it, because it may hold a password', () => {
    const [problem] = problemsOf({ REDIS_MODE: 'cluster', REDIS_URL: 'redis://:tell-nobody@a/1' })
    expect(problem).toMatch(/^REDIS_URL: /)
    expect(problem).not.toContain('tell-nobody')
  })

  test('R13.5 REDIS_MODE is one of three modes, and needs REDIS_URL', () => {
    expect(problemsOf({ REDIS_MODE: 'clustered', REDIS_URL: 'redis://a' })).toEqual([
      'REDIS_MODE: Expected standalone, cluster, sentinel',
    ])
    for (const mode of ['cluster', 'sentinel']) {
      expect(problemsOf({ REDIS_MODE: mode })).toEqual([`REDIS_MODE: Expected REDIS_URL beside ${mode}`])
    }
    expect(loadSettings({ REDIS_MODE: 'standalone' }).redisMode).toBe('standalone')
  })

  test('in a cluster the sharded adapter joins sockets, unless the classic one is set', () => {
    const cluster = { REDIS_MODE: 'cluster', REDIS_URL: 'redis://a' }
    expect(loadSettings(cluster).socketAdapter).toBe('sharded')
    expect(loadSettings({ ...cluster, SOCKET_ADAPTER: 'classic' }).socketAdapter).toBe('classic')
    expect(loadSettings({ REDIS_URL: 'redis://a' }).socketAdapter).toBe('classic')
  })

  test('origins are checked one by one', () => {
    expect(loadSettings({ CORS_ORIGINS: 'https://a.example, http://b.example:8080' }).corsOrigins).toEqual([
      'https://a.example',
      'http://b.example:8080',
    ])
    expect(problemsOf({ CORS_ORIGINS: 'a.example' })).toHaveLength(1)
    expect(problemsOf({ CORS_ORIGINS: 'https://a.example/path' })).toHaveLength(1)
  })
})
