/* Settings of the process itself: what it does, where it listens, how it ends. */
import { z } from 'zod'
import { expecting, oneOf, type SettingGroup, server } from './setting.js'
import { anyText, seconds, wholeNumber } from './values.js'

const roles = ['all', 'api', 'worker'] as const
/** `api` takes requests and sockets, `worker` fires timers and delivers what others left; `all` is both. */
export type Role = (typeof roles)[number]

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Longer is no host name and no address. */
const MAX_HOST_LENGTH = 255
/** As long as a path may be on Linux. */
const MAX_PATH_LENGTH = 4_096

export const processSettings = {
  NODE_ENV: {
    schema: oneOf(['production', 'development', 'test'], 'production, development or test').default(
      'development',
    ),
    meaning:
      'In `production` secrets and the database must be given and migrations must have run. Otherwise the start makes secrets, migrates the database and prints tokens.',
    example: 'production',
    readBy: ['api', 'worker', 'migrate'],
    requiredIn: ['one server', 'cluster', 'AWS'],
  },
  ROLE: {
    schema: oneOf(roles, 'all, api or worker').default('all'),
    meaning:
      '`api` takes requests and sockets. `worker` fires timers and delivers what other processes left. `all` does both. `api` and `worker` need each other, and `REDIS_URL`.',
    example: 'api',
    readBy: server,
    advisedIn: ['cluster', 'AWS'],
  },
  PORT: {
    schema: wholeNumber(3000, 0, 65_535),
    meaning: 'The port of HTTP and sockets. 0 takes any free port.',
    example: '8080',
    readBy: ['api', 'worker', 'health-check'],
  },
  HOST: {
    schema: anyText(MAX_HOST_LENGTH).optional(),
    meaning: 'The address to listen on.',
    example: '0.0.0.0',
    unset: '`127.0.0.1`; in production `0.0.0.0`',
    readBy: server,
  },
  LOG_LEVEL: {
    schema: oneOf(logLevels, `one of ${logLevels.join(', ')}`).optional(),
    meaning: 'The lowest level that is logged.',
    example: 'debug',
    unset: '`warn`; in production `info`',
    readBy: server,
  },
  DRAIN_SECONDS: {
    schema: seconds(25, { min: 0 }),
    meaning:
      'How long a process may take to end after SIGTERM. Its platform must not kill it earlier: `infra` waits 40 s.',
    example: '25',
    readBy: server,
  },
  DATA_DIR: {
    schema: anyText(MAX_PATH_LENGTH).default('.loadcast'),
    meaning: 'The folder of the embedded Postgres and of the secrets that the start made.',
    example: '/var/lib/loadcast',
    readBy: server,
  },
  INSPECT: {
    schema: expecting('0, 1, or the port to show instances on', message =>
      z
        .string()
        .regex(/^(0|1|false|true|[1-9]\d{3,4})$/, message)
        .default('0'),
    ),
    meaning: "Shows live instances in Stately's inspector, for 1 at port 8080. Refused in production.",
    example: '1',
    readBy: server,
  },
} as const satisfies SettingGroup
