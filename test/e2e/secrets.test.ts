import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { arnOf, createSecretsManager } from '../support/aws/secrets-manager.js'
import { type AwsServer, startAws } from '../support/aws/server.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { createClient } from '../support/server/clients.js'
import { runServerToEnd, startServerProcess } from '../support/server/server-process.js'
import { TEST_REFRESH_SECRET, TEST_SECRET } from '../support/server/tokens.js'

let database: TestDatabase
let secrets: ReturnType<typeof createSecretsManager>
let aws: AwsServer

beforeAll(async () => {
  database = await createTestDatabase()
  const values = {
    DATABASE_URL: database.connectionString,
    JWT_SECRET: TEST_SECRET,
    JWT_REFRESH_SECRET: TEST_REFRESH_SECRET,
    REDIS_URL: '',
    FCM_SERVICE_ACCOUNT: '',
  }
  secrets = createSecretsManager({
    app: JSON.stringify(values),
    partial: JSON.stringify({ ...values, DATABASE_URL: undefined, JWT_REFRESH_SECRET: undefined }),
  })
  aws = await startAws(secrets.operations)
})
afterAll(async () => {
  await aws.close()
  await database.drop()
})

/** What a task definition sets: no secret, only where to find them. */
const taskEnvironment = (name = 'app') => ({
  ...aws.environment,
  NODE_ENV: 'production',
  SECRETS_ARN: arnOf(name),
  LOG_LEVEL: 'trace',
})

describe('a start in AWS', () => {
  test('P3.5 R9.1 with secrets only from Secrets Manager it serves, and logs none of them', async () => {
    const server = await startServerProcess(taskEnvironment())
    try {
      const customer = await createClient(server.url, 'customer', 'c-secrets')
      expect((await customer.get('/api/v1/trips/x')).status).toBe(404)
      expect((await customer.get('/health')).body.status).toBe('ok')
    } finally {
      expect(await server.end('SIGTERM')).toBe(0)
    }
    const { password } = new URL(database.connectionString)
    for (const value of [password, TEST_SECRET, TEST_REFRESH_SECRET]) {
      expect(server.output()).not.toContain(value)
    }
  })

  test('R9.1 child processes do not get the secrets that ECS injected', async () => {
    const preload = fileURLToPath(new URL('../support/aws/show-child-environment.js', import.meta.url))
    const server = await startServerProcess({
      ...taskEnvironment(),
      DATABASE_URL: database.connectionString,
      JWT_SECRET: TEST_SECRET,
      NODE_OPTIONS: `--import file://${preload}`,
    })
    try {
      process.kill(server.pid, 'SIGUSR2')
      await until(() => server.output().includes(':child'))
      const given = server.output().split('child:')[1] ?? ''
      expect(given).toContain('SECRETS_ARN=')
      expect(given).not.toMatch(/DATABASE_URL=|JWT_SECRET=|postgres:/)
      expect(given).not.toContain(TEST_SECRET)
    } finally {
      expect(await server.end('SIGTERM')).toBe(0)
    }
  })

  test('R9.1 names all missing values of the secret before it tries anything else', async () => {
    const { code, output } = await runServerToEnd(taskEnvironment('partial'))
    expect(code).toBe(1)
    expect(output).toContain('DATABASE_URL: Missing')
    expect(output).toContain('JWT_REFRESH_SECRET: Missing')
    expect(output).not.toContain(TEST_SECRET)
    expect(output).not.toContain('    at ')
  })

  test('R9.1 when Secrets Manager cannot be reached, it ends and logs the reason', async () => {
    const closed = createServer()
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise(resolve => closed.close(resolve))
    const nowhere = { ...taskEnvironment(), AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` }
    const { code, output } = await runServerToEnd(nowhere)
    expect(code).toBe(1)
    expect(output).toContain('could not be read: the request failed (ECONNREFUSED)')
  })
})
