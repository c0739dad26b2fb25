import { spawn } from 'node:child_process'
import { ECSClient } from '@aws-sdk/client-ecs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { createDatabase } from '../../../src/adapters/postgres/connection/database.js'
import { openDatabaseRoles } from '../../../src/adapters/secrets/rotation/database-roles.js'
import type { RotationRequest } from '../../../src/adapters/secrets/rotation/plan.js'
import {
  abandon,
  describeRotation,
  type RotationParts,
  rotate,
} from '../../../src/adapters/secrets/rotation/rotate.js'
import { createSecretVersions } from '../../../src/adapters/secrets/rotation/secret-versions.js'
import { Services } from '../../../src/adapters/secrets/rotation/services.js'
import { createSecretsClient } from '../../../src/adapters/secrets/secrets-manager.js'
import { signToken } from '../../../src/adapters/tokens/jwt.js'
import { createEcs } from '../../support/aws/ecs.js'
import { arnOf, createSecretsManager } from '../../support/aws/secrets-manager.js'
import { AwsError, type AwsServer, REGION, startAws } from '../../support/aws/server.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { startServerProcess } from '../../support/server/server-process.js'

const SERVICES = ['api', 'worker']
const everything: RotationRequest = { parts: ['jwt', 'database'] }

const connect = (url: string) => createDatabase(url).connect({})

let database: TestDatabase
let admin: pg.Client
let secrets: ReturnType<typeof createSecretsManager>
let ecs: ReturnType<typeof createEcs>
let aws: AwsServer
let told: string[]
const before = { ...process.env }

/** The address of the test's database, for this user. */
const urlFor = (user: string, password: string) => {
  const url = new URL(database.connectionString)
  url.username = user
  url.password = password
  return url.href
}

async function canLogIn(connectionString: string | undefined): Promise<boolean> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end()
  }
}

/** A world whose secret is in order and whose tasks run with it. */
async function newWorld(): Promise<void> {
  const values = {
    DATABASE_URL: urlFor('loadcast_a', 'old-password'),
    JWT_SECRET: 'old-jwt-key',
    JWT_REFRESH_SECRET: 'old-refresh-key',
    REDIS_URL: 'rediss://cache',
    FCM_SERVICE_ACCOUNT: '',
  }
  const { username, password } = new URL(database.connectionString)
  secrets = createSecretsManager({
    app: JSON.stringify(values),
    admin: JSON.stringify({ username, password }),
    'redis-auth': 'redis token/with=signs',
  })
  ecs = createEcs({ services: SERVICES, values: () => secrets.values('app') })
  Object.assign(operations, secrets.operations, ecs.operations)
  aws.before = () => {}
  aws.after = () => {}
  aws.calls.length = 0
  told = []
  const roles = await openDatabaseRoles(database.connectionString, connect)
  await roles.prepare(values.DATABASE_URL)
  await roles.close()
}

const operations = {}

beforeAll(async () => {
  database = await createTestDatabase()
  admin = new pg.Client({ connectionString: database.connectionString })
  await admin.connect()
  aws = await startAws(operations)
  Object.assign(process.env, aws.environment)
})
beforeEach(newWorld)
afterEach(async () => {
  await admin.query('alter role loadcast_b nologin').catch(() => {})
})
afterAll(async () => {
  process.env = before
  await aws.close()
  await admin.end()
  await database.drop()
})

function removeLabel(stage: string): void {
  for (const { stages } of secrets.versions('app')) stages.delete(stage)
}

/** As an operator's process would have it. Ends with `close`. */
function openRotation(): RotationParts & { close(): void } {
  const client = createSecretsClient(arnOf('app'))
  const ecsClient = new ECSClient({ region: REGION, maxAttempts: 1 })
  const services = new Services({ client: ecsClient, cluster: 'loadcast', services: SERVICES, pollMs: 1 })
  return {
    versions: createSecretVersions(client, arnOf('app')),
    services,
    openRoles: () => openDatabaseRoles(database.connectionString, connect),
    tell: line => told.push(line),
    close() {
      client.destroy()
      ecsClient.destroy()
    },
  }
}

async function doRotate(request = everything): Promise<void> {
  const rotation = openRotation()
  await rotate(rotation, request).finally(() => rotation.close())
}

/** Holds at any instant: running processes can log in, and every new process accepts the tokens of all others. */
async function expectNobodyLockedOut(): Promise<void> {
  const current = secrets.values('app')
  const urls = new Set([current.DATABASE_URL, ...ecs.tasks().map(({ values }) => values.DATABASE_URL)])
  for (const url of urls)
    expect([new URL(url ?? '').username, await canLogIn(url)]).toEqual([expect.any(String), true])
  const processes = [current, ...ecs.tasks().map(({ values }) => values)]
  for (const name of ['JWT_SECRET', 'JWT_REFRESH_SECRET'] as const) {
    for (const signer of processes) {
      for (const reader of processes)
        expect([reader[name], reader[`${name}_PREVIOUS`]]).toContain(signer[name])
    }
  }
}

async function expectRotated(): Promise<void> {
  const current = secrets.values('app')
  expect(current).not.toHaveProperty('ROTATION_PHASE')
  expect(current).toMatchObject({
    JWT_SECRET: expect.stringMatching(/^[\w-]{64}$/),
    JWT_SECRET_PREVIOUS: 'old-jwt-key',
    JWT_REFRESH_SECRET: expect.stringMatching(/^[\w-]{64}$/),
    JWT_REFRESH_SECRET_PREVIOUS: 'old-refresh-key',
    REDIS_URL: 'rediss://cache',
  })
  expect(current.JWT_SECRET).not.toBe(current.JWT_REFRESH_SECRET)
  expect(new URL(current.DATABASE_URL ?? '').username).toBe('loadcast_b')
  expect(await canLogIn(current.DATABASE_URL)).toBe(true)
  expect(await canLogIn(urlFor('loadcast_a', 'old-password'))).toBe(false)
  for (const { values } of ecs.tasks()) expect(values).toEqual(current)
  expect(ecs.activeRevisions()).toEqual(['loadcast-api:3', 'loadcast-worker:3'])
  const labels = secrets.versions('app').flatMap(({ stages }) => [...stages])
  expect(labels.sort()).toEqual(['AWSCURRENT', 'AWSPREVIOUS'])
}

describe('a rotation', () => {
  test('R9.1 P3.2 rotates keys and password, redeploys every service, retires the old user and old revisions', async () => {
    await doRotate()
    await expectRotated()
    await expectNobodyLockedOut()
    expect(told.join('\n')).not.toMatch(/old-|postgres:\/\//)
  })

  test('the two users take turns, and each owns the tables that the other created', async () => {
    await doRotate()
    const asB = new pg.Client({ connectionString: secrets.values('app').DATABASE_URL })
    await asB.connect()
    await asB.query('create table made_by_b ()')
    await asB.end()
    await doRotate()
    const { DATABASE_URL } = secrets.values('app')
    expect(new URL(DATABASE_URL ?? '').username).toBe('loadcast_a')
    const asA = new pg.Client({ connectionString: DATABASE_URL })
    await asA.connect()
    await asA.query('drop table made_by_b')
    await asA.end()
  })

  test('a session of the retired user is ended', async () => {
    const session = new pg.Client({ connectionString: urlFor('loadcast_a', 'old-password') })
    await session.connect()
    const ended = new Promise(resolve => session.on('error', resolve))
    await doRotate()
    await expect(ended).resolves.toMatchObject({ code: '57P01' })
  })

  test('R9.1 prints what it would do, and changes nothing', async () => {
    const rotation = openRotation()
    await describeRotation(rotation, everything)
    rotation.close()
    expect(told).toEqual([
      expect.stringContaining('would change  JWT_SECRET'),
      expect.stringContaining('would change  JWT_REFRESH_SECRET'),
      expect.stringContaining('would change  DATABASE_URL: the user loadcast_b'),
      expect.stringContaining('would deploy  api twice'),
      expect.stringContaining('would deploy  worker'),
      expect.stringContaining('would retire'),
      expect.stringContaining('dry run'),
    ])
    const asked = new Set(aws.calls.map(({ operation }) => operation))
    expect([...asked].sort()).toEqual(['DescribeServices', 'GetSecretValue'])
  })

  test('R9.1 P3.2 continues after a crash at any step', async () => {
    await doRotate()
    const isWrite = (operation: string) => /^(Put|Update|Deregister)/.test(operation)
    const writes = aws.calls.map(({ operation }) => operation).filter(isWrite)
    expect(writes).toEqual([
      'UpdateSecretVersionStage',
      'PutSecretValue',
      'UpdateSecretVersionStage', // in force
      ...['UpdateService', 'UpdateService'],
      ...Array(4).fill('DeregisterTaskDefinition'),
      ...['UpdateSecretVersionStage', 'UpdateSecretVersionStage'],
      ...['UpdateSecretVersionStage', 'PutSecretValue', 'UpdateSecretVersionStage'], // the new keys sign
      ...['UpdateService', 'UpdateService', 'UpdateSecretVersionStage', 'UpdateSecretVersionStage'],
    ])
    // After each change in AWS; and before those that follow one in the database.
    const crashes = [
      ...writes.map((_, at) => ['after', at] as const),
      ...[2, 5].map(at => ['before', at] as const),
    ]
    for (const [moment, at] of crashes) {
      await newWorld()
      let left = at
      aws[moment] = operation => {
        if (isWrite(operation) && left-- === 0)
          throw new AwsError('AccessDeniedException', 'the process is gone')
      }
      await expect(doRotate()).rejects.toThrow()
      aws.before = () => {}
      aws.after = () => {}
      await expectNobodyLockedOut()
      // Once its label is gone a rotation is over, though another label may be left: nothing reads that one.
      if (at < writes.length - 2) await doRotate()
      else removeLabel('ROTATION_BASE')
      await expectRotated()
    }
  })

  test('a failed deployment stops it with nothing retired, and the next run completes it', async () => {
    ecs.ending.of = service => (service === 'worker' ? 'FAILED' : 'COMPLETED')
    await expect(doRotate()).rejects.toThrow(
      /worker failed and was rolled back\. Old and new values both work/,
    )
    await expectNobodyLockedOut()
    expect(ecs.activeRevisions()).toHaveLength(6)
    ecs.ending.of = () => 'COMPLETED'
    await doRotate()
    expect(told.join('\n')).toContain('continuing    an earlier rotation')
    await expectRotated()
  })

  test('a second run during a rotation is refused', async () => {
    const other = await openDatabaseRoles(database.connectionString, connect)
    await expect(doRotate()).rejects.toThrow('Another rotation is in progress')
    await other.close()
    await doRotate()
    await expectRotated()
  })

  test('a secret that was changed during a rotation is left as it is, until the rotation is abandoned', async () => {
    const changed = { ...secrets.values('app'), JWT_SECRET: 'put-there-by-hand' }
    let isChanged = false
    aws.after = operation => {
      if (operation !== 'PutSecretValue' || isChanged) return
      isChanged = true
      secrets.operations.PutSecretValue?.({
        SecretId: arnOf('app'),
        ClientRequestToken: 'by-hand',
        SecretString: JSON.stringify(changed),
      })
    }
    await expect(doRotate()).rejects.toThrow('Something else changed the secret')
    expect(secrets.values('app')).toEqual(changed)
    const rotation = openRotation()
    await abandon(rotation)
    rotation.close()
    await doRotate({ parts: ['jwt'] })
    expect(secrets.values('app').JWT_SECRET_PREVIOUS).toBe('put-there-by-hand')
  })

  test('the overlap ends when an operator ends it', async () => {
    await doRotate({ parts: ['jwt'] })
    await doRotate({ parts: [], endOverlap: true })
    expect(secrets.values('app')).not.toHaveProperty('JWT_SECRET_PREVIOUS')
    expect(secrets.values('app')).not.toHaveProperty('JWT_REFRESH_SECRET_PREVIOUS')
    for (const { values } of ecs.tasks()) expect(values).toEqual(secrets.values('app'))
    told.length = 0
    await doRotate({ parts: [], endOverlap: true })
    expect(told).toEqual(['Nothing to change.'])
  })

  test('P3.2 a new FCM key replaces the old one; an invalid service account is refused without being quoted', async () => {
    const account = { client_email: 'p@x', private_key: 'new-private-key', project_id: 'x' }
    await doRotate({ parts: ['fcm'], fcmServiceAccount: JSON.stringify(account) })
    expect(JSON.parse(secrets.values('app').FCM_SERVICE_ACCOUNT ?? '')).toEqual(account)
    const bad = doRotate({ parts: ['fcm'], fcmServiceAccount: '{"private_key": "half-a-key' })
    await expect(bad).rejects.toThrow(/^fcm: expected the JSON of a service account/)
    await expect(bad).rejects.not.toThrow(/half-a-key/)
  })

  test('P3.2 a new token of the cache arrives by a deployment like the others', async () => {
    await doRotate({ parts: ['redis'], redisUrl: 'rediss://:new@cache' })
    for (const { values } of ecs.tasks()) expect(values.REDIS_URL).toBe('rediss://:new@cache')
    await expect(doRotate({ parts: ['redis'] })).rejects.toThrow('redis: give --redis')
  })

  test('a user outside of the rotation is left alone, and the operator is informed', async () => {
    const { username, password } = new URL(database.connectionString)
    const values = { ...secrets.values('app'), DATABASE_URL: urlFor(username, password) }
    secrets.operations.PutSecretValue?.({
      SecretId: arnOf('app'),
      ClientRequestToken: 'formerly-plain',
      SecretString: JSON.stringify(values),
    })
    await doRotate({ parts: ['database'] })
    expect(told.join('\n')).toContain(`The user ${username} is not part of the rotation and was left alone`)
    expect(await canLogIn(database.connectionString)).toBe(true)
  })
})

describe('npm run rotate-secrets', () => {
  /** The program as it is started in AWS. */
  function start(args: readonly string[]) {
    const child = spawn(process.execPath, ['dist/rotate-secrets.js', ...args], {
      cwd: repositoryRoot,
      env: {
        PATH: process.env.PATH ?? '',
        ...aws.environment,
        SECRETS_ARN: arnOf('app'),
        ADMIN_SECRET_ARN: arnOf('admin'),
        REDIS_AUTH_SECRET_ARN: arnOf('redis-auth'),
        REDIS_ADDRESS: 'cache.internal:6379',
        ECS_CLUSTER: 'loadcast',
        ECS_SERVICES: SERVICES.join(','),
      },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
    const ended = new Promise<{ code: number | null; output: string }>(resolve =>
      child.once('close', code => resolve({ code, output })),
    )
    return { kill: () => child.kill('SIGKILL'), ended }
  }

  test('R9.1 is a dry run first, then does it; killed during a deployment, it continues', async () => {
    const dry = await start([]).ended
    expect(dry).toMatchObject({ code: 0, output: expect.stringContaining('dry run') })
    expect(secrets.values('app').JWT_SECRET).toBe('old-jwt-key')

    ecs.ending.atOnce = true
    const first = start(['--apply'])
    await new Promise<void>(resolve => {
      aws.after = operation => {
        if (operation !== 'UpdateService') return
        aws.after = () => {}
        resolve()
      }
    })
    first.kill()
    expect((await first.ended).code).toBe(null)
    await expectNobodyLockedOut()

    const second = await start(['--apply']).ended
    expect(second).toMatchObject({
      code: 0,
      output: expect.stringContaining('continuing    an earlier rotation'),
    })
    expect(second.output).not.toMatch(/old-|postgres:\/\//)
    await expectRotated()
  })

  test('fills a secret without values, for services that do not exist yet', async () => {
    secrets = createSecretsManager({
      app: JSON.stringify({ JWT_SECRET: 'made-by-the-stack' }),
      admin: secrets.versions('admin')[0]?.text ?? '',
      'redis-auth': 'redis token/with=signs',
    })
    Object.assign(operations, secrets.operations)
    const { host, pathname } = new URL(database.connectionString)
    const missing = await start(['--first', '--apply']).ended
    expect(missing).toMatchObject({ code: 1, output: expect.stringContaining('give --database') })
    const { code, output } = await start(['--first', '--apply', '--database', `${host}${pathname}`]).ended
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('Rotated') })
    const values = secrets.values('app')
    expect(await canLogIn(values.DATABASE_URL)).toBe(true)
    expect(values).toMatchObject({
      REDIS_URL: 'rediss://:redis%20token%2Fwith%3Dsigns@cache.internal:6379',
      FCM_SERVICE_ACCOUNT: '',
      JWT_REFRESH_SECRET: expect.stringMatching(/^[\w-]{64}$/),
    })
  })

  test('P3.5 R9.1 a first deploy and a forced one: the secret’s users migrate and serve, old tokens stay valid', async () => {
    const fresh = await createTestDatabase({ empty: true })
    const { host, pathname } = new URL(fresh.connectionString)
    secrets = createSecretsManager({
      app: JSON.stringify({ JWT_SECRET: 'made-by-the-stack-0123456789abcdef' }),
      admin: secrets.versions('admin')[0]?.text ?? '',
    })
    Object.assign(operations, secrets.operations)
    const task = { ...aws.environment, NODE_ENV: 'production', SECRETS_ARN: arnOf('app') }
    const rotateOnce = () =>
      start(['--first', '--apply', '--database', `${host}${pathname}`, '--redis', '']).ended
    const answerTo = async (url: string, secret: string) => {
      const token = await signToken({ id: 'c1', role: 'customer' }, secret, 60_000)
      return (await fetch(`${url}/api/v1/trips/x`, { headers: { authorization: `Bearer ${token}` } })).status
    }

    expect(await rotateOnce()).toMatchObject({ code: 0 })
    const migration = spawn(process.execPath, ['dist/migrate.js'], {
      cwd: repositoryRoot,
      env: { PATH: process.env.PATH ?? '', ...task },
    })
    expect(await new Promise(resolve => migration.once('close', resolve))).toBe(0)
    const first = await startServerProcess(task)
    const oldKey = secrets.values('app').JWT_SECRET ?? ''
    expect(await answerTo(first.url, oldKey)).toBe(404)
    expect(await first.end('SIGTERM')).toBe(0)

    expect(await rotateOnce()).toMatchObject({ code: 0 })
    const second = await startServerProcess(task)
    const newKey = secrets.values('app').JWT_SECRET ?? ''
    expect(newKey).not.toBe(oldKey)
    expect([await answerTo(second.url, newKey), await answerTo(second.url, oldKey)]).toEqual([404, 404])
    expect(await answerTo(second.url, 'made-by-the-stack-0123456789abcdef')).toBe(401)
    expect(await second.end('SIGTERM')).toBe(0)
    await fresh.drop()
  })

  test('names the missing options', async () => {
    const { code, output } = await start(['--only', 'jwt,passwords']).ended
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringContaining('--only: Expected some of jwt, database, fcm, redis'),
    })
  })
})
