/* Settings of what a process connects to: the database, Redis and the store of its secrets. */
import { z } from 'zod'
import { complaintAbout } from '../../adapters/postgres/connection/address.js'
import { redisModes } from '../../adapters/redis/address.js'
import { expecting, oneOf, type SettingGroup, server } from './setting.js'
import { seconds } from './values.js'

/** Twice a failover. If a start took longer, an orchestrator would restart the process anyway. */
export const databaseWait = seconds(60, { min: 0 })

const databaseUrl = expecting('postgres://user:password@host:port/database', message =>
  z.string().superRefine((text, context) => {
    const complaint = complaintAbout(text) ?? (isPostgresUrl(text) ? undefined : message)
    if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint })
  }),
)

export const databaseSettings = {
  DATABASE_URL: {
    schema: databaseUrl.optional(),
    meaning:
      'The database, at one address that follows its primary. A secret. [Which database](OPERATIONS.md#which-database) names the versions.',
    example: 'postgres://loadcast:password@db.internal:5432/loadcast?sslmode=verify-full',
    unset: 'an embedded Postgres in `DATA_DIR`; required in production',
    readBy: ['api', 'worker', 'migrate'],
    requiredIn: ['one server', 'cluster', 'AWS'],
  },
  DATABASE_WAIT_SECONDS: {
    schema: databaseWait,
    meaning:
      'How long a start waits for an unavailable database. It logs why, and then ends with exit code 1.',
    example: '60',
    readBy: ['api', 'worker', 'migrate'],
  },
} as const satisfies SettingGroup

const socketAdapters = ['classic', 'sharded'] as const

export const redisSettings = {
  REDIS_URL: {
    schema: z.string().describe('an address in the form of `REDIS_MODE`').optional(),
    meaning:
      'The Redis that joins processes: presence, rate limits and messages between sockets. A secret. [The forms of the address](OPERATIONS.md#redis-or-valkey-standalone-sentinel-cluster) depend on `REDIS_MODE`.',
    example: 'rediss://:password@cache.internal:6379',
    unset: 'presence and limits in the process, which must then be the only one',
    readBy: server,
    requiredIn: ['cluster', 'AWS'],
  },
  REDIS_MODE: {
    schema: oneOf(redisModes, redisModes.join(', ')).default('standalone'),
    meaning: 'The kind of server at `REDIS_URL`.',
    example: 'cluster',
    readBy: server,
    advisedIn: ['cluster'],
  },
  SOCKET_ADAPTER: {
    schema: oneOf(socketAdapters, 'classic or sharded').optional(),
    meaning:
      'How the sockets of several processes are joined. `sharded` needs Redis 7.0 and `REDIS_URL`. All processes must have the same.',
    example: 'sharded',
    unset: '`classic`; with `REDIS_MODE=cluster`, `sharded`',
    readBy: server,
  },
} as const satisfies SettingGroup

export const secretStoreSettings = {
  SECRETS_ARN: {
    schema: z.string().describe('the ARN of a secret in AWS Secrets Manager').optional(),
    meaning:
      'The JSON secret with values for settings, read before all others. A value of the environment comes first. [Rotate](OPERATIONS.md#rotate) says how its values change.',
    example: 'arn:aws:secretsmanager:ap-south-1:123456789012:secret:loadcast/app-AbCdEf',
    unset: 'all settings come from the environment',
    readBy: ['api', 'worker', 'migrate', 'rotate-secrets'],
    requiredIn: ['AWS'],
  },
} as const satisfies SettingGroup

function isPostgresUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^postgres(ql)?:$/.test(url.protocol)
}
