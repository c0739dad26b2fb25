/*
 * From the environment to the settings of a server. This file is the only reader of the environment. It turns text into
 * values with units, or names all that is wrong at once. Nothing falls back in silence: what is set and cannot be
 * honoured stops the start.
 */
import { type RedisMode, redisProblems } from '../../adapters/redis/address.js'
import type { Caps } from '../../dispatch/caps.js'
import { capsOf } from './caps.js'
import { databaseWait } from './connections.js'
import { type Environment, environment, type Variable } from './environment.js'
import type { LogLevel, Role } from './process.js'
import type { ServiceAccount } from './push.js'
import { type TokenSettings, tokenProblems, tokenSettingsOf } from './tokens.js'

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
  readonly socketAdapter: 'classic' | 'sharded'
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
  readonly fcmServiceAccount?: ServiceAccount
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

/** The environment is not usable. The message has one line for each bad setting. */
export class SettingsError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`Bad settings:\n${problems.map(line => `  ${line}`).join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/** Where Stately's inspector is looked for. */
const DEFAULT_INSPECT_PORT = 8080

/**
 * A copy of what the process was started with. `secretNames` are then taken out of the process's own environment,
 * which every child would inherit. By its type, only variables of docs/SETTINGS.md can be read.
 */
export function takeEnvironment(secretNames: readonly string[]): { readonly [V in Variable]?: string } {
  const taken: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && value !== '') taken[name] = value
    if (secretNames.includes(name)) delete process.env[name]
  }
  return taken
}

/** How long a program that needs only the database waits for it. Throws `SettingsError`. */
export function loadDatabaseWait({
  DATABASE_WAIT_SECONDS,
}: {
  readonly DATABASE_WAIT_SECONDS?: string
}): number {
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
