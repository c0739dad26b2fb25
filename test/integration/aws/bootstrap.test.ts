import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { bootstrapSecrets } from '../../../src/adapters/secrets/bootstrap.js'
import { SecretsError } from '../../../src/adapters/secrets/secrets-error.js'
import { arnOf, createSecretsManager } from '../../support/aws/secrets-manager.js'
import { AwsError, type AwsServer, startAws } from '../../support/aws/server.js'

const good = {
  DATABASE_URL: 'postgres://u:hunter2@db/loadcast',
  JWT_SECRET: 'jwt-value-of-the-secret',
  JWT_REFRESH_SECRET: 'refresh-value-of-the-secret',
  REDIS_URL: '',
  FCM_SERVICE_ACCOUNT: { client_email: 'push@example.com' },
}
const secrets = createSecretsManager({
  good: JSON.stringify({ ...good, OF_A_NEWER_RELEASE: 7 }),
  partial: JSON.stringify({ JWT_SECRET: 'the-only-one', FCM_SERVICE_ACCOUNT: 5 }),
  broken: '{"JWT_SECRET": "top-secret-words',
})
let aws: AwsServer
let restore: () => void

/** The SDK reads these by itself: in a task they are there for it. */
function setEnvironment(values: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(values).map(name => [name, process.env[name]] as const)
  Object.assign(process.env, values)
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

beforeAll(async () => {
  aws = await startAws(secrets.operations)
  restore = setEnvironment(aws.environment)
})
beforeEach(() => {
  aws.before = () => {}
  aws.calls.length = 0
})
afterAll(async () => {
  restore()
  await aws.close()
})

/** Tries that fail with a `SecretsError`, and its words. */
async function wordsOf(name: string, options = {}, environment = {}): Promise<string> {
  const error = await bootstrapSecrets({ SECRETS_ARN: arnOf(name), ...environment }, options).catch(e => e)
  expect(error).toBeInstanceOf(SecretsError)
  return error.message
}

describe('secrets at the start', () => {
  test('R9.1 come from Secrets Manager, by the role of the task, in one call', async () => {
    expect(await bootstrapSecrets({ SECRETS_ARN: arnOf('good') })).toEqual({
      ...good,
      FCM_SERVICE_ACCOUNT: '{"client_email":"push@example.com"}',
    })
    expect(aws.calls.map(({ operation }) => operation)).toEqual(['GetSecretValue'])
  })

  test('are not requested without SECRETS_ARN', async () => {
    expect(await bootstrapSecrets({ SECRETS_ARN: '' })).toEqual({})
    expect(aws.calls).toEqual([])
  })

  test('R9.1 all missing or invalid values are named at once, without any value', async () => {
    const words = await wordsOf('partial')
    for (const line of ['DATABASE_URL: Missing', 'JWT_REFRESH_SECRET: Missing', 'REDIS_URL: Missing']) {
      expect(words).toContain(line)
    }
    expect(words).toContain('FCM_SERVICE_ACCOUNT: Expected a text')
    expect(words).not.toMatch(/JWT_SECRET: Missing|the-only-one/)
  })

  test('settings of the environment do not count as missing', async () => {
    const words = await wordsOf('partial', {}, { DATABASE_URL: 'postgres://here/x', REDIS_URL: 'redis://r' })
    expect(words).not.toMatch(/DATABASE_URL|REDIS_URL/)
    expect(words).toContain('JWT_REFRESH_SECRET: Missing')
  })

  test('a text that is not JSON is refused without being quoted', async () => {
    const words = await wordsOf('broken')
    expect(words).toContain('Expected a JSON object')
    expect(words).not.toMatch(/top-secret|JWT_SECRET": "/)
  })

  test('access denied: fails at once, and names the permission to grant', async () => {
    aws.before = () => {
      throw new AwsError('AccessDeniedException', 'User arn:… is not authorized', 400)
    }
    expect(await wordsOf('good')).toMatch(/grant its role secretsmanager:GetSecretValue/)
    expect(aws.calls).toHaveLength(1)
  })

  test('no such secret: fails at once with that reason', async () => {
    expect(await wordsOf('nowhere')).toMatch(/no such secret/)
    expect(aws.calls).toHaveLength(1)
  })

  test('throttled: retried a bounded number of times', async () => {
    let refusals = 2
    aws.before = () => {
      if (refusals-- > 0) throw new AwsError('ThrottlingException', 'Rate exceeded')
    }
    expect(await bootstrapSecrets({ SECRETS_ARN: arnOf('good') })).toHaveProperty('JWT_SECRET')
    refusals = Number.POSITIVE_INFINITY
    aws.calls.length = 0
    expect(await wordsOf('good')).toMatch(/throttled until the attempts were used up/)
    expect(aws.calls).toHaveLength(4)
  })

  test('a failure of the service is retried', async () => {
    let refusals = 1
    aws.before = () => {
      if (refusals-- > 0) throw new AwsError('InternalServiceError', 'oops', 500)
    }
    expect(await bootstrapSecrets({ SECRETS_ARN: arnOf('good') })).toHaveProperty('JWT_SECRET')
    expect(aws.calls).toHaveLength(2)
  })

  test('slow: each attempt has its own time limit', async () => {
    let slow = 1
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    aws.before = () => (slow-- > 0 ? held : undefined)
    expect(await bootstrapSecrets({ SECRETS_ARN: arnOf('good') }, { answerMs: 100 })).toHaveProperty(
      'JWT_SECRET',
    )
    expect(aws.calls.length).toBeGreaterThan(1)
    release()
  })

  test('always slow: ends at the deadline', async () => {
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    aws.before = () => held
    expect(await wordsOf('good', { deadlineMs: 200 })).toMatch(/could not be read within 200 ms/)
    release()
  })

  test('without a role there are no credentials, and the message names the role to add', async () => {
    const back = setEnvironment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: '', AWS_EC2_METADATA_DISABLED: 'true' })
    try {
      expect(await wordsOf('good')).toMatch(/give the task definition a task role/)
    } finally {
      back()
    }
  })

  test('R9.1 a long-lived key is refused in production', async () => {
    const environment = { NODE_ENV: 'production', AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }
    expect(await wordsOf('good', {}, environment)).toMatch(/AWS_ACCESS_KEY_ID: Long-lived keys are refused/)
    expect(aws.calls).toEqual([])
  })

  test('an invalid ARN is refused before any request', async () => {
    await expect(bootstrapSecrets({ SECRETS_ARN: 'loadcast/app' })).rejects.toThrow(
      'SECRETS_ARN: Expected arn:',
    )
  })
})
