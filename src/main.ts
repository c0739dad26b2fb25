/*
 * The program: it reads secrets and settings, opens the database, starts the app and runs until a signal ends it.
 * The exit code is 0 if the process was asked to end and finished in time. Otherwise it is 1, and the reason is printed.
 */
import { randomUUID } from 'node:crypto'
import { type Logger, pino } from 'pino'
import { checkServer } from './adapters/postgres/connection/server-check.js'
import { UnsupportedPostgresError } from './adapters/postgres/connection/server-version.js'
import { EmbeddedPostgresError, startEmbeddedPostgres } from './adapters/postgres/embedded/index.js'
import { MigrationError, migrate, pendingMigrations } from './adapters/postgres/schema/migrate.js'
import { RedisModeError } from './adapters/redis/locate.js'
import { bootstrapSecrets } from './adapters/secrets/bootstrap.js'
import { secretNames } from './adapters/secrets/secret-values.js'
import { SecretsError } from './adapters/secrets/secrets-error.js'
import { SocketAdapterError } from './adapters/socket/cluster/start-check.js'
import { createLog } from './adapters/telemetry/log.js'
import { createApp, version } from './app/app.js'
import { banner } from './app/banner.js'
import {
  createDatabaseWait,
  DatabaseAwayError,
  type DatabaseWait,
  StartAbandonedError,
} from './app/database-wait.js'
import { hireDemoDriver } from './app/demo-people.js'
import { loadSettings, type Settings, SettingsError, takeEnvironment } from './app/settings/settings.js'
import { resolveTokenKeys } from './app/token-keys.js'
import { DefinitionError } from './runtime/errors.js'
import { defined } from './types/defined.js'

interface Database {
  readonly connectionString: string
  readonly description: string
  stop(): Promise<void>
}

async function main(): Promise<void> {
  const environment = takeEnvironment(secretNames)
  const settings = loadSettings({ ...(await bootstrapSecrets(environment)), ...environment })
  const instanceId = randomUUID()
  const log = openLog(settings, instanceId)
  endOnDefects(log)
  const signal = awaitSignal(settings.drainMs, log)
  const stopping = new AbortController()
  signal.then(() => stopping.abort())
  const whenAvailable = createDatabaseWait({
    waitMs: settings.databaseWaitMs,
    tell: line => log.warn(line),
    signal: stopping.signal,
  })
  const database = await openDatabase(settings, log, whenAvailable)
  try {
    const tokenKeys = await resolveTokenKeys(settings)
    const app = await createApp({
      settings,
      connectionString: database.connectionString,
      tokenKeys,
      log,
      instanceId,
      whenAvailable,
    })
    log.info({ url: app.url }, 'listening')
    if (settings.isProduction) warnOfOpenDoors(settings, log)
    if (!settings.isProduction) {
      const { inspectUrl } = app
      const facts = {
        version,
        url: app.url,
        database: database.description,
        secret: tokenKeys.secret,
        accessTokenMaxMs: settings.accessTokenMaxMs,
        ...defined({ inspectUrl }),
      }
      if (settings.role !== 'worker') await introduceDemoPeople(app.url, tokenKeys.secret, log)
      process.stdout.write(await banner(facts))
    }
    const reason = await Promise.race([signal, app.unfit])
    if (reason instanceof Error) {
      endAfter(settings.drainMs, log)
      // No notice is needed: until the port is closed, callers are told to retry.
      await app.close()
      throw reason
    }
    // Ctrl-C means a local run, with no balancer in front.
    await app.close({ hasNotice: reason === 'SIGTERM' })
  } finally {
    await database.stop()
  }
  log.info('ended')
}

/**
 * Puts the driver whose token is printed into a fleet, so that the printed tokens can be used for everything. Without a fleet
 * they still work, so a failure is only logged.
 */
async function introduceDemoPeople(url: string, secret: string, log: Logger): Promise<void> {
  await hireDemoDriver(url, secret).catch(error =>
    log.warn({ err: error }, 'the driver whose token is printed could not join a fleet'),
  )
}

/** Starts an embedded Postgres if DATABASE_URL is not set. Migrates the database, which a release does in production. */
async function openDatabase(settings: Settings, log: Logger, whenAvailable: DatabaseWait): Promise<Database> {
  const database = await findDatabase(settings, log)
  const { connectionString } = database
  try {
    await whenAvailable(() => checkServer(connectionString, log))
    await whenAvailable(async () => {
      if (settings.isProduction) await assertMigrated(connectionString)
      else await migrate(connectionString, { log })
    })
    return database
  } catch (error) {
    await database.stop()
    throw error
  }
}

async function assertMigrated(connectionString: string): Promise<void> {
  const pending = await pendingMigrations(connectionString)
  if (pending.length === 0) return
  throw new MigrationError(
    `The database lacks ${pending.join(', ')}: run npm run migrate before this release starts`,
  )
}

async function findDatabase({ databaseUrl, dataDir }: Settings, log: Logger): Promise<Database> {
  if (databaseUrl !== undefined) {
    const { host, pathname } = new URL(databaseUrl)
    return {
      connectionString: databaseUrl,
      description: `Postgres at ${host}${pathname}`,
      async stop() {},
    }
  }
  const embedded = await startEmbeddedPostgres({ dataDir, log })
  return {
    connectionString: embedded.connectionString,
    description: `an embedded Postgres, in ${embedded.dataDir}`,
    stop: () => embedded.stop(),
  }
}

/** In production, logs go to standard output. Elsewhere that is a terminal with the banner, so logs go to standard error. */
function openLog({ logLevel: level, isProduction }: Settings, instanceId: string): Logger {
  const destination = pino.destination({ dest: isProduction ? 1 : 2, sync: true })
  return createLog({ level, version, instanceId, destination })
}

/** Warns of limits that are switched off, which may be an oversight. */
function warnOfOpenDoors(settings: Settings, log: Logger): void {
  const { rateLimitUserPerMinute, rateLimitAddressPerMinute, trustedProxies } = settings
  if (rateLimitUserPerMinute === 0) log.warn('no limit by user: set RATE_LIMIT_USER_PER_MINUTE')
  if (rateLimitAddressPerMinute === 0) {
    log.warn(
      { trustedProxies },
      'no limit by address: set RATE_LIMIT_ADDRESS_PER_MINUTE with TRUSTED_PROXIES',
    )
  }
}

/**
 * Resolves at the first SIGTERM or SIGINT. A second one ends the process at once. The time to drain runs from the first
 * signal on, even if that signal arrives during a start that hangs.
 */
function awaitSignal(drainMs: number, log: Logger): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let isEnding = false
    const end = (signal: NodeJS.Signals) => {
      if (isEnding) {
        log.error({ signal }, 'ended at once by a second signal')
        process.exit(1)
      }
      isEnding = true
      log.info({ signal }, 'draining')
      endAfter(drainMs, log)
      resolve(signal)
    }
    process.on('SIGTERM', end).on('SIGINT', end)
  })
}

/** Ends a process that does not drain in time. Others take over its work, and nothing acknowledged depends on it. */
function endAfter(drainMs: number, log: Logger): void {
  setTimeout(() => {
    log.error({ drainMs }, 'not drained in time')
    process.exit(1)
  }, drainMs).unref()
}

/** After a defect the state of the process is unknown. It ends with an error, so that a new process can start clean. */
function endOnDefects(log: Logger): void {
  const end = (error: unknown) => {
    log.fatal({ err: error }, 'defect: the process ends')
    process.exit(1)
  }
  process.on('uncaughtException', end).on('unhandledRejection', end)
}

function explain(error: unknown): string {
  // These messages are written for the operator and say what to do.
  if (
    [
      SecretsError,
      SettingsError,
      EmbeddedPostgresError,
      MigrationError,
      SocketAdapterError,
      RedisModeError,
      DefinitionError,
      DatabaseAwayError,
      UnsupportedPostgresError,
    ].some(kind => error instanceof kind)
  ) {
    return (error as Error).message
  }
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `${message}. Set PORT to another port, or to 0 for any free port`
  return stack ?? message ?? String(error)
}

main().then(
  () => process.exit(0),
  error => {
    if (error instanceof StartAbandonedError) {
      process.stderr.write(`Loadcast ended before it had started: ${error.message}\n`)
      process.exit(0)
    }
    process.stderr.write(`Loadcast could not continue. ${explain(error)}\n`)
    process.exit(1)
  },
)
