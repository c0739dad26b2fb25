/*
 * Every setting there is. This file is the only reader of the environment: it turns text into values with
 * units, or names all that is wrong at once. Nothing falls back in silence: what is set and cannot be
 * honoured stops the start.
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { complaintAbout } from '../../adapters/postgres/connection/address.js'
import { type RedisMode, redisModes, redisProblems } from '../../adapters/redis/address.js'
import type { Caps } from '../../dispatch/caps.js'
import { capSettings, capsOf } from './caps.js'
import { type TokenSettings, tokenEnvironment, tokenProblems, tokenSettingsOf } from './tokens.js'
import { decimalPattern, hours, seconds, wholeNumber } from './values.js'

export interface Settings extends TokenSettings {
  readonly isProduction: boolean
  /** 0 takes any free port. */
  readonly port: number
  readonly host: string
  /** Absent: a Postgres of our own is started, with its data in `dataDir`. */
  readonly databaseUrl?: string
  /** How long a start waits for an unavailable database. */
  readonly databaseWaitMs: number
  /** Absent: presence is kept in this process, and there can be only one. */
  readonly redisUrl?: string
  /** The kind of server at `redisUrl`, which decides how the URL is parsed: see adapters/redis/address.ts. */
  readonly redisMode: RedisMode
  /** How the sockets of several processes are joined; without Redis there is one process. */
  readonly socketAdapter: (typeof socketAdapters)[number]
  readonly role: Role
  readonly broadcastTimeoutMs: number
  /** Radii of the reach steps, ascending, in kilometres. */
  readonly reachStepsKm: readonly number[]
  readonly reachStepMs: number
  readonly cancelWindowMs: number
  readonly transporterTtlMs: number
  readonly driverTtlMs: number
  readonly eventRetentionMs: number
  /** Drivers of one fleet, with those invited, and vehicles of one fleet: so many of each. */
  readonly maxFleet: number
  /** Absent: nobody is pushed; it is logged instead. */
  readonly fcmServiceAccount?: z.infer<typeof serviceAccount>
  readonly logLevel: LogLevel
  /** Origins whose pages may call; `*` is any; empty is none but our own. */
  readonly corsOrigins: readonly string[]
  readonly drainMs: number
  /** Requests of one user, or of one address, in a minute; 0 is no limit. */
  readonly rateLimitUserPerMinute: number
  readonly rateLimitAddressPerMinute: number
  readonly caps: Caps
  /** Proxies of ours that a request comes through: each has appended an address to `X-Forwarded-For`. */
  readonly trustedProxies: number
  /** Of the collector that traces are sent to; absent: there are none. */
  readonly otlpEndpoint?: string
  /** The share of traces that are kept, 0 to 1. */
  readonly traceRatio: number
  readonly dataDir: string
  /** Instances are shown in an inspector there. Never in production. */
  readonly inspectPort?: number
}

const socketAdapters = ['classic', 'sharded'] as const
const roles = ['all', 'api', 'worker'] as const
/** `api` takes requests and sockets, `worker` fires timers and delivers what others left; `all` is both. */
export type Role = (typeof roles)[number]

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** The environment is not usable. The message has one line for each bad setting. */
export class SettingsError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`Bad settings:\n${problems.map(line => `  ${line}`).join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/** The broadcast machine draws four rings; more radii would have no state to stand for. */
const MAX_REACH_STEPS = 4
/** Half of the equator: no radius beyond it means anything. */
const MAX_RADIUS_KM = 20_037

/** Where Stately's inspector is looked for. */
const DEFAULT_INSPECT_PORT = 8080
/** Sixteen thousand a second: more is a mistake of units. */
const MAX_PER_MINUTE = 1_000_000
/** A fleet is counted whenever it grows, in some milliseconds up to this size. */
const MAX_FLEET_SIZE = 100_000
/** A content network, a balancer and a proxy beside the process are three. */
const MAX_PROXIES = 10

/** For what a later version brings: anything but its resting value is refused, never ignored. */
function notYet(what: string, restingPattern: RegExp) {
  return z.string().regex(restingPattern, `This version has no ${what} yet: leave it unset`).optional()
}

const radii = z
  .string()
  .transform(text => text.split(',').map(part => part.trim()))
  .refine(
    parts => parts.length <= MAX_REACH_STEPS && parts.every(part => decimalPattern.test(part)),
    `Expected 1 to ${MAX_REACH_STEPS} numbers of kilometres, separated by commas`,
  )
  .transform(parts => parts.map(Number))
  .refine(
    steps => steps.every((km, i) => km > (steps[i - 1] ?? 0) && km <= MAX_RADIUS_KM),
    `Expected positive, ascending radii of at most ${MAX_RADIUS_KM} km`,
  )
  .default([10, 25, 50, 75])

const origins = z
  .string()
  .transform(text => text.split(',').map(part => part.trim()))
  .refine(
    parts => parts.every(part => part === '*' || isOrigin(part)),
    'Expected * or origins such as https://app.example.com, separated by commas',
  )
  .default([])

/** As Google's console hands it out; there is more in it. */
const serviceAccount = z
  .object({
    project_id: z.string().min(1),
    client_email: z.email(),
    private_key: z.string().refine(isPrivateKey),
  })
  .transform(key => ({
    projectId: key.project_id,
    clientEmail: key.client_email,
    privateKey: key.private_key,
  }))

/** JSON, or the path of a file of it. What is wrong is said without a word of what is in it. */
function readServiceAccount(given: string, context: z.RefinementCtx): z.infer<typeof serviceAccount> {
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const expected = 'Expected the JSON of a Google service account, or the path of a file of it'
  let text = given.trim()
  if (!text.startsWith('{')) {
    try {
      text = readFileSync(text, 'utf8')
    } catch {
      return refuse(`${expected}: there is no file of that name that can be read`)
    }
  }
  try {
    const parsed = serviceAccount.safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
    const names = [...new Set(parsed.error.issues.map(issue => issue.path.join('.')))]
    return refuse(`${expected}: ${names.join(', ')} is missing or not usable`)
  } catch {
    return refuse(`${expected}: it is no JSON`)
  }
}
const share = z
  .string()
  .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'Expected a share, a decimal number from 0 to 1')
  .transform(Number)
  .default(1)

/** Twice a failover. If a start took longer, an orchestrator would restart the process anyway. */
const databaseWait = seconds(60, { min: 0 })

const environment = z.object({
  NODE_ENV: z
    .enum(['production', 'development', 'test'], 'Expected production, development or test')
    .default('development'),
  PORT: wholeNumber(3000, 0, 65_535),
  HOST: z.string().max(255).optional(),
  DATABASE_URL: z
    .string()
    .superRefine((text, context) => {
      const expected = isPostgresUrl(text)
        ? undefined
        : 'Expected postgres://user:password@host:port/database'
      const message = complaintAbout(text) ?? expected
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .optional(),
  DATABASE_WAIT_SECONDS: databaseWait,
  REDIS_URL: z.string().optional(),
  REDIS_MODE: z.enum(redisModes, `Expected ${redisModes.join(', ')}`).default('standalone'),
  ...tokenEnvironment,
  SOCKET_ADAPTER: z.enum(socketAdapters, 'Expected classic or sharded').optional(),
  ROLE: z.enum(roles, 'Expected all, api or worker').default('all'),
  BROADCAST_TIMEOUT_SECONDS: seconds(120),
  REACH_STEPS_KM: radii,
  REACH_STEP_SECONDS: seconds(15),
  CANCEL_WINDOW_SECONDS: seconds(300, { min: 0 }),
  TRANSPORTER_TTL_SECONDS: seconds(120),
  DRIVER_TTL_SECONDS: seconds(60),
  EVENT_RETENTION_HOURS: hours(24),
  MAX_FLEET: wholeNumber(1_000, 1, MAX_FLEET_SIZE),
  FCM_SERVICE_ACCOUNT: z.string().transform(readServiceAccount).optional(),
  LOG_LEVEL: z.enum(logLevels, `Expected one of ${logLevels.join(', ')}`).optional(),
  CORS_ORIGINS: origins,
  DRAIN_SECONDS: seconds(25, { min: 0 }),
  RATE_LIMIT_USER_PER_MINUTE: wholeNumber(0, 0, MAX_PER_MINUTE),
  RATE_LIMIT_ADDRESS_PER_MINUTE: wholeNumber(0, 0, MAX_PER_MINUTE),
  ...capSettings,
  TRUSTED_PROXIES: wholeNumber(0, 0, MAX_PROXIES),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine(isCollector, 'Expected http://host:port or https://…')
    .optional(),
  OTEL_TRACES_SAMPLER_ARG: share,
  DATA_DIR: z.string().max(4096).default('.loadcast'),

  // Read before all others, by adapters/secrets: here it is only known.
  SECRETS_ARN: z.string().optional(),
  HISTORY_RETENTION_DAYS: notYet('sweeping of old journals', /^0$/),
  INSPECT: z
    .string()
    .regex(/^(0|1|false|true|[1-9]\d{3,4})$/, 'Expected 0, 1, or the port to show instances on')
    .default('0'),
})

type Environment = z.infer<typeof environment>

/**
 * A copy of what the process was started with. `secretNames` are then taken out of the process's own environment,
 * which every child would inherit.
 */
export function takeEnvironment(secretNames: readonly string[]): Record<string, string> {
  const taken: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && value !== '') taken[name] = value
    if (secretNames.includes(name)) delete process.env[name]
  }
  return taken
}

/** How long a program that needs only the database waits for it. Throws `SettingsError`. */
export function loadDatabaseWait({ DATABASE_WAIT_SECONDS }: Readonly<Record<string, string>>): number {
  const parsed = databaseWait.safeParse(DATABASE_WAIT_SECONDS)
  if (parsed.success) return parsed.data
  throw new SettingsError(parsed.error.issues.map(({ message }) => `DATABASE_WAIT_SECONDS: ${message}`))
}

/** Reads all settings. An empty value counts as not set. Throws `SettingsError`, which names all that is bad. */
export function loadSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = environment.safeParse(given)
  const problems = parsed.success ? [] : parsed.error.issues.map(i => `${i.path.join('.')}: ${i.message}`)
  problems.push(...conflicts(given))
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems)
  return settingsOf(parsed.data)
}

/** What no single setting shows. Judged on the raw text, so that it is reported together with the rest. */
function conflicts(given: Readonly<Record<string, string | undefined>>): string[] {
  const problems: string[] = []
  if (given.NODE_ENV === 'production') {
    if (!/^(0|false)?$/.test(given.INSPECT ?? '')) {
      problems.push('INSPECT: Expected nothing in production: its package is not installed there')
    }
    for (const name of ['DATABASE_URL', 'JWT_SECRET', 'JWT_REFRESH_SECRET']) {
      if (given[name] === undefined) problems.push(`${name}: Required in production`)
    }
  }
  // Alone, an api would fire no timer, and a worker could tell nobody.
  if ((given.ROLE === 'api' || given.ROLE === 'worker') && given.REDIS_URL === undefined) {
    problems.push(`ROLE: Expected REDIS_URL beside ${given.ROLE}: roles work together through Redis`)
  }
  if (given.SOCKET_ADAPTER === 'sharded' && given.REDIS_URL === undefined) {
    problems.push('SOCKET_ADAPTER: Expected REDIS_URL beside sharded')
  }
  problems.push(...tokenProblems(given), ...redisProblems(given.REDIS_URL, given.REDIS_MODE))
  return problems
}

function settingsOf(env: Environment): Settings {
  const isProduction = env.NODE_ENV === 'production'
  return {
    isProduction,
    port: env.PORT,
    // Outside production only this machine gets in: the start prints tokens that open every door.
    host: env.HOST ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
    ...(env.DATABASE_URL === undefined ? {} : { databaseUrl: env.DATABASE_URL }),
    databaseWaitMs: env.DATABASE_WAIT_SECONDS,
    ...(env.REDIS_URL === undefined ? {} : { redisUrl: env.REDIS_URL }),
    ...tokenSettingsOf(env),
    redisMode: env.REDIS_MODE,
    // In a cluster, every node would repeat every message of the classic adapter.
    socketAdapter: env.SOCKET_ADAPTER ?? (env.REDIS_MODE === 'cluster' ? 'sharded' : 'classic'),
    role: env.ROLE,
    broadcastTimeoutMs: env.BROADCAST_TIMEOUT_SECONDS,
    reachStepsKm: env.REACH_STEPS_KM,
    reachStepMs: env.REACH_STEP_SECONDS,
    cancelWindowMs: env.CANCEL_WINDOW_SECONDS,
    transporterTtlMs: env.TRANSPORTER_TTL_SECONDS,
    driverTtlMs: env.DRIVER_TTL_SECONDS,
    eventRetentionMs: env.EVENT_RETENTION_HOURS,
    maxFleet: env.MAX_FLEET,
    ...(env.FCM_SERVICE_ACCOUNT === undefined ? {} : { fcmServiceAccount: env.FCM_SERVICE_ACCOUNT }),
    // Outside production a person reads the terminal: only what needs them is logged.
    logLevel: env.LOG_LEVEL ?? (isProduction ? 'info' : 'warn'),
    corsOrigins: env.CORS_ORIGINS,
    drainMs: env.DRAIN_SECONDS,
    rateLimitUserPerMinute: env.RATE_LIMIT_USER_PER_MINUTE,
    rateLimitAddressPerMinute: env.RATE_LIMIT_ADDRESS_PER_MINUTE,
    caps: capsOf(env),
    trustedProxies: env.TRUSTED_PROXIES,
    ...(env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? {}
      : { otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT }),
    traceRatio: env.OTEL_TRACES_SAMPLER_ARG,
    dataDir: env.DATA_DIR,
    ...(/^(0|false)$/.test(env.INSPECT)
      ? {}
      : { inspectPort: /^(1|true)$/.test(env.INSPECT) ? DEFAULT_INSPECT_PORT : Number(env.INSPECT) }),
  }
}

function isPrivateKey(text: string): boolean {
  try {
    return createPrivateKey(text).asymmetricKeyType === 'rsa'
  } catch {
    return false
  }
}

function isPostgresUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^postgres(ql)?:$/.test(url.protocol)
}

/** No query and no password: what is sent is appended to it. */
function isCollector(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.password === ''
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text
}
