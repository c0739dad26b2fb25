/* Settings of `rotate-secrets`, which takes them from the environment where an option is not given. */
import { z } from 'zod'
import type { SettingGroup } from './setting.js'

const name = (what: string) => z.string().describe(what).optional()
const unset = 'the program asks for its command-line option'
const only = { readBy: ['rotate-secrets'], advisedIn: ['AWS'], unset } as const

export const rotationSettings = {
  ADMIN_SECRET_ARN: {
    schema: name('the ARN of a secret'),
    meaning: "User and password of the database's administrator. Option `--admin-secret`.",
    example: 'arn:aws:secretsmanager:ap-south-1:123456789012:secret:rds!db-AbCdEf',
    ...only,
  },
  DATABASE_ADDRESS: {
    schema: name('host:port/name?parameters'),
    meaning: 'The address for the first `DATABASE_URL`. Option `--database`.',
    example: 'db.internal:5432/loadcast?sslmode=verify-full',
    ...only,
  },
  ECS_CLUSTER: {
    schema: name('the name of an ECS cluster'),
    meaning: 'The cluster of the services. Option `--cluster`.',
    example: 'loadcast',
    ...only,
  },
  ECS_SERVICES: {
    schema: name('names, separated by commas'),
    meaning: 'The services that read the secret and are replaced after a change. Option `--services`.',
    example: 'api,worker',
    ...only,
  },
  REDIS_ADDRESS: {
    schema: name('host:port'),
    meaning: 'The address of the cache. Option `--redis`.',
    example: 'cache.internal:6379',
    ...only,
  },
  REDIS_AUTH_SECRET_ARN: {
    schema: name('the ARN of a secret'),
    meaning: "The secret with the cache's current token. Option `--redis-auth-secret`.",
    example: 'arn:aws:secretsmanager:ap-south-1:123456789012:secret:loadcast/redis-auth-AbCdEf',
    ...only,
  },
} as const satisfies SettingGroup
