/*
 * Replaces secrets. It runs as `npm run rotate-secrets`, or as a task with `node dist/rotate-secrets.js`.
 * docs/OPERATIONS.md says when to run it. Without `--apply` it is a dry run.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { ECSClient } from '@aws-sdk/client-ecs'
import { z } from 'zod'
import { createDatabase } from './adapters/postgres/connection/database.js'
import { type Connect, openDatabaseRoles } from './adapters/secrets/rotation/database-roles.js'
import { parts, type RotationRequest } from './adapters/secrets/rotation/plan.js'
import { abandon, describeRotation, type RotationParts, rotate } from './adapters/secrets/rotation/rotate.js'
import { createSecretVersions } from './adapters/secrets/rotation/secret-versions.js'
import { Services } from './adapters/secrets/rotation/services.js'
import { regionOf } from './adapters/secrets/secret-arn.js'
import { secretNames } from './adapters/secrets/secret-values.js'
import { createSecretsClient, readSecret } from './adapters/secrets/secrets-manager.js'
import { takeEnvironment } from './app/settings/settings.js'
import { defined } from './types/defined.js'

const USAGE = `npm run rotate-secrets -- [--only jwt,database,fcm,redis] [--apply]
  --apply                    rotate; without it, only print what would be done
  --only <parts>             what to rotate; the default is jwt and database
  --end-overlap              refuse the previous JWT keys from now on
  --abandon                  give up an unfinished rotation whose values are not in use yet
  --first                    create the first values, with redis if --redis is given; no service runs yet
  --secret <arn>             the secret (SECRETS_ARN)
  --admin-secret <arn>       user and password of the database's administrator (ADMIN_SECRET_ARN)
  --database <address>       host:port/name?parameters, if the secret has no DATABASE_URL yet (DATABASE_ADDRESS)
  --cluster <name>           the ECS cluster (ECS_CLUSTER)
  --services <names>         the services that read the secret (ECS_SERVICES)
  --fcm-file <path>          the new service account
  --redis <host:port>        the address of the cache (REDIS_ADDRESS)
  --redis-auth-secret <arn>  the secret with the cache's current token (REDIS_AUTH_SECRET_ARN)`

const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const
const options = {
  apply: flag,
  'end-overlap': flag,
  abandon: flag,
  first: flag,
  help: flag,
  only: text,
  secret: text,
  'admin-secret': text,
  database: text,
  cluster: text,
  services: text,
  'fcm-file': text,
  redis: text,
  'redis-auth-secret': text,
} as const
type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

const partList = z.array(z.enum(parts, `--only: Expected some of ${parts.join(', ')}`)).min(1)
const administrator = z.object({ username: z.string().min(1), password: z.string().min(1) })

const tell = (line: string) => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const environment = takeEnvironment(secretNames)
  const { values } = parseArgs({ options })
  if (values.help) return tell(USAGE)
  const given = withEnvironment(values, environment)
  const arn = required(given, 'secret')
  const client = createSecretsClient(arn)
  try {
    const versions = createSecretVersions(client, arn)
    const rotation: RotationParts = {
      versions,
      tell,
      ...(given.first ? {} : { services: openServices(given, regionOf(arn)) }),
      async openRoles() {
        const next = (await versions.unfinished())?.next.values.DATABASE_URL
        const url = new URL(next ?? '')
        const account = readAdministrator(await readSecret(required(given, 'admin-secret')))
        url.username = account.username
        url.password = account.password
        return openDatabaseRoles(url.href, connect)
      },
    }
    if (given.abandon) return await abandon(rotation)
    const request = await readRequest(given)
    await (given.apply ? rotate(rotation, request) : describeRotation(rotation, request))
  } finally {
    client.destroy()
  }
}

/** A rotation runs for minutes, once in months, so it can wait for a slow server. */
const CONNECT_TIMEOUT_MS = 10_000

const connect: Connect = databaseUrl =>
  createDatabase(databaseUrl).connect({
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'loadcast rotate',
  })

function readAdministrator(secret: string): z.infer<typeof administrator> {
  try {
    return administrator.parse(JSON.parse(secret))
  } catch {
    // The parser's message would quote the password.
    throw new Error('--admin-secret: Expected a JSON secret with username and password')
  }
}

async function readRequest(given: Values): Promise<RotationRequest> {
  const only = partList.safeParse((given.only ?? 'jwt,database').split(','))
  if (!only.success) throw new Error(only.error.issues[0]?.message)
  const chosen = new Set(given.first && given.redis ? [...only.data, 'redis' as const] : only.data)
  const token = chosen.has('redis') ? await readSecret(required(given, 'redis-auth-secret')) : undefined
  return {
    parts: [...chosen],
    endOverlap: given['end-overlap'],
    ...defined({ databaseAddress: given.database }),
    ...(given['fcm-file'] === undefined
      ? {}
      : { fcmServiceAccount: await readFile(given['fcm-file'], 'utf8') }),
    ...(token === undefined ? {} : { redisUrl: redisUrl(token, required(given, 'redis')) }),
  }
}

function openServices(given: Values, region: string): Services {
  const names = required(given, 'services').split(',')
  const client = new ECSClient({ region })
  return new Services({ client, cluster: required(given, 'cluster'), services: names })
}

/** Options that are missing on the command line are taken from the environment of the task definition. */
function withEnvironment(values: Values, environment: ReturnType<typeof takeEnvironment>): Values {
  const names = {
    secret: 'SECRETS_ARN',
    'admin-secret': 'ADMIN_SECRET_ARN',
    database: 'DATABASE_ADDRESS',
    cluster: 'ECS_CLUSTER',
    services: 'ECS_SERVICES',
    redis: 'REDIS_ADDRESS',
    'redis-auth-secret': 'REDIS_AUTH_SECRET_ARN',
  } as const
  const found = Object.entries(names).flatMap(([option, name]) =>
    environment[name] === undefined ? [] : [[option, environment[name]]],
  )
  return { ...Object.fromEntries(found), ...values }
}

const redisUrl = (token: string, address: string) => `rediss://:${encodeURIComponent(token)}@${address}`

type Needed = 'secret' | 'admin-secret' | 'cluster' | 'services' | 'redis' | 'redis-auth-secret'

function required(given: Values, name: Needed): string {
  const value = given[name]
  if (value === undefined) throw new Error(`--${name}: Required\n\n${USAGE}`)
  return value
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
