/*
 * The product put together on a database that is there: everything between the settings and an open port.
 * `main` adds what belongs to a process (an embedded Postgres, signals, a banner); tests use it as it is.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type pg from 'pg'
import type { Logger } from 'pino'
import { createAdmission } from '../adapters/http/admission.js'
import { createHttpApp } from '../adapters/http/app.js'
import { capacityCheck } from '../adapters/http/capacity.js'
import { type CheckResult, createHealth, type HealthCheck, type Service } from '../adapters/http/health.js'
import { createHttpServer } from '../adapters/http/server.js'
import { Traffic } from '../adapters/http/traffic/traffic.js'
import { createInspection } from '../adapters/inspect/inspection.js'
import { createMemoryPresence } from '../adapters/memory/presence.js'
import { createDatabase, type Database } from '../adapters/postgres/connection/database.js'
import {
  createHealthPool,
  createLookupPool,
  createQueryPool,
} from '../adapters/postgres/connection/query-pool.js'
import { Peers } from '../adapters/postgres/engine/peers.js'
import { createPostgresStore } from '../adapters/postgres/engine/store.js'
import { createWakeups } from '../adapters/postgres/engine/wakeups.js'
import { createBacklog } from '../adapters/postgres/health/backlog.js'
import { createPostgresChecks, withRecentFailures } from '../adapters/postgres/health/health.js'
import { createAdminStore } from '../adapters/postgres/product/admin-store.js'
import { createAnswerStore } from '../adapters/postgres/product/answer-store.js'
import { createDeviceStore } from '../adapters/postgres/product/device-store.js'
import { createFleetStore } from '../adapters/postgres/product/fleet-store.js'
import { createIdempotencyStore } from '../adapters/postgres/product/idempotency-store.js'
import { createPushQueue } from '../adapters/postgres/product/push-queue.js'
import { createReadStore } from '../adapters/postgres/product/read-store.js'
import { createRecipientStore } from '../adapters/postgres/product/recipient-store.js'
import { createRefreshFamilies } from '../adapters/postgres/product/refresh-family-store.js'
import { createResumeStore } from '../adapters/postgres/product/resume-store.js'
import { createRedisPresence } from '../adapters/redis/presence.js'
import { createSocketServer } from '../adapters/socket/server.js'
import type { Metrics } from '../adapters/telemetry/metrics.js'
import { openIssuerKeys } from '../adapters/tokens/issuer-keys.js'
import { createTokenVerifier } from '../adapters/tokens/jwt.js'
import { ACCESS_TTL_MS, createRefreshTokens } from '../adapters/tokens/refresh.js'
import { withResolvers } from '../concurrency/with-resolvers.js'
import { familySweep } from '../dispatch/auth/family-sweep.js'
import { createRefresh } from '../dispatch/auth/refresh.js'
import { createDispatch } from '../dispatch/dispatch.js'
import type { PushSender } from '../dispatch/ports.js'
import { broadcastDefinition } from '../machines/index.js'
import type { Engine } from '../runtime/api.js'
import { createEngine } from '../runtime/engine.js'
import type { Faults } from '../runtime/faults.js'
import { defined } from '../types/defined.js'
import type { DatabaseWait } from './database-wait.js'
import { drain } from './drain.js'
import { startLagReport } from './lag-report.js'
import { openPush } from './push.js'
import { openRateLimits, withLimits } from './rate-limits.js'
import type { Settings } from './settings/settings.js'
import { openSocketCluster, withCluster } from './socket-cluster.js'
import { meteredFanout, openTelemetry } from './telemetry.js'
import type { TokenKeys } from './token-keys.js'

export interface AppOptions {
  readonly settings: Settings
  /** Of a migrated database. */
  readonly connectionString: string
  readonly tokenKeys: TokenKeys
  readonly log: Logger
  /** Tells this process from others of its release. */
  readonly instanceId?: string
  /** How the start waits for an unavailable database; absent: it does not wait. */
  readonly whenAvailable?: DatabaseWait
  /** For tests: see runtime/faults.ts. */
  readonly faults?: Faults
  /** For tests: stands for what the settings say. */
  readonly pushSender?: PushSender
}

export interface App {
  /** Where it listens: with the port that was given, if any would do. */
  readonly url: string
  /** Where instances can be looked at, if anywhere; holds the token that opens the page. */
  readonly inspectUrl?: string
  /** Resolves with the reason when this process can no longer serve and should be closed. */
  readonly unfit: Promise<Error>
  /**
   * Takes no more work, finishes what is under way, hands the rest over, ends every connection: see drain.ts.
   * `hasNotice`: gives a balancer or proxy time to notice the shutdown.
   */
  close(options?: { hasNotice?: boolean }): Promise<void>
}

/**
 * Connections that wait to be accepted. When a process was away for a second everyone comes at once, and who finds Node's
 * own 511 full tries again only after seconds. Linux allows no more.
 */
const BACKLOG = 4_096

/**
 * A process of the release before that starts beside this one is not noticed for up to one announcement (5 s, or three if two
 * fail). What was said meanwhile is told to its sockets again.
 */
const OLD_UNNOTICED_MS = 15_000

export async function createApp(options: AppOptions): Promise<App> {
  const { settings, connectionString, tokenKeys, log } = options
  const { instanceId = randomUUID() } = options
  const { whenAvailable = work => work() } = options
  const faults = defined({ faults: options.faults })
  const takesRequests = settings.role !== 'worker'
  const looksAfterOthers = settings.role !== 'api'
  // First: what it cannot do on this Redis stops the start before anything else is open.
  const cluster = await openSocketCluster(settings, log)
  const telemetry = await openTelemetry(settings, { version, instanceId }, log)
  const { metrics, tracer } = telemetry
  const database = createDatabase(connectionString, log)
  const pool = createQueryPool(database, log)
  const lookups = createLookupPool(database, log)
  const peers = new Peers()
  const store = createPostgresStore({ connectionString, database, peers, log, ...faults })
  const wakeups = createWakeups({ connectionString, database, log })
  const keys = createIdempotencyStore(pool, { perDay: settings.caps.idempotencyKeysPerDay })
  const inspection =
    settings.inspectPort === undefined
      ? undefined
      : await createInspection({
          definitions: [broadcastDefinition],
          host: settings.host,
          port: settings.inspectPort,
        })
  const issuer = openIssuer(settings, log)
  const verifyToken = createTokenVerifier({ ...tokenKeys, maxTtlMs: settings.accessTokenMaxMs, issuer })
  const presence = await openPresence(settings, log)
  const pushSender = options.pushSender ?? (await openPush(settings, log))
  const limits = openRateLimits(settings, log)
  const unfit = withResolvers<Error>()
  const sockets = createSocketServer({
    ...settings,
    verifyToken,
    log,
    rateLimits: limits,
    cluster: cluster?.cluster,
    peers,
  })
  peers.onOldCame(() => cluster?.cluster.tellMissed(OLD_UNNOTICED_MS))
  const product = createDispatch({
    fleet: createFleetStore(pool, lookups),
    keys,
    admin: createAdminStore(pool),
    answers: createAnswerStore(pool),
    recipients: createRecipientStore(pool, lookups),
    reads: createReadStore(pool, lookups),
    resume: createResumeStore(pool),
    devices: createDeviceStore(pool),
    pushes: createPushQueue(pool),
    pushSender,
    presence: presence.presence,
    fanout: meteredFanout(sockets.fanout, metrics.product),
    localFanout: sockets.localFanout,
    meter: metrics.product,
    settings,
    log,
    createEngine: subscribers =>
      createEngine({
        store,
        definitions: [broadcastDefinition],
        subscribers,
        wakeups,
        log,
        meter: metrics.meter,
        tracer,
        onUnfit: unfit.resolve,
        ...faults,
        ...(inspection && { observe: inspection.observe }),
      }),
  })
  const { dispatch, engine } = product
  const families = createRefreshFamilies(pool)
  const refresh = createRefresh({
    tokens: createRefreshTokens({
      ...tokenKeys,
      accessTtlMs: Math.min(ACCESS_TTL_MS, settings.accessTokenMaxMs),
    }),
    families,
    isActive: caller => dispatch.isActive(caller),
  })
  const forgetting = familySweep(families, log)
  let isDraining = false
  const healthPool = createHealthPool(database)
  const checks = createPostgresChecks(healthPool)
  const admission = createAdmission()
  const traffic = new Traffic({
    rooms: [admission.room],
    trustedProxies: settings.trustedProxies,
    onCutOff: metrics.product.cutOff,
  })
  const { arriving, unread } = traffic
  const service = createService(
    database,
    { ...checks, capacity: capacityCheck({ requests: admission.room, arriving, unread }) },
    engine,
    withLimits(withCluster(presence.check, cluster), limits),
    metrics,
    () => isDraining,
  )
  const backlog = createBacklog(pool)
  metrics.watch({
    sockets: () => sockets.countConnections(),
    requests: () => admission,
    traffic: () => ({
      connections: traffic.connections.size,
      underWay: traffic.underWay.size,
      arriving: arriving.count,
      unread: unread.count,
    }),
    pools: () => ({ query: stateOf(pool), lookup: stateOf(lookups), commit: store.poolState() }),
    backlog,
  })
  const http = createHttpServer(
    createHttpApp({
      ...settings,
      dispatch,
      keys,
      service,
      refresh,
      limits,
      admission,
      traffic,
      version,
      verifyToken,
      log,
      meter: metrics.product,
      tracer,
      takesRequests,
    }),
    { traffic },
  )
  if (takesRequests) {
    sockets.onMissed(product.redeliver)
    sockets.attach(http.server, dispatch)
  }
  const lagReport = startLagReport(checks, log)

  const close = async ({ hasNotice = false } = {}) => {
    isDraining = true
    lagReport.stop()
    const withinMs = settings.drainMs
    await forgetting.stop()
    const notice = hasNotice && takesRequests ? { isWatched: service.isWatched() } : undefined
    await drain({ http, sockets, product, notice, withinMs })
    await sockets.close()
    await cluster?.close()
    await pushSender.close()
    presence.close()
    inspection?.close()
    limits.close()
    issuer?.keys.close()
    await Promise.all([store.close(), wakeups.close(), pool.end(), lookups.end(), healthPool.end()])
    await telemetry.close()
  }
  try {
    await whenAvailable(() => engine.start({ timers: looksAfterOthers, sweeps: looksAfterOthers }))
    if (looksAfterOthers) {
      product.startSweeps()
      forgetting.start()
    }
    if (takesRequests) await whenAvailable(() => product.watchSessions())
    const port = await listen(http.server, settings)
    return {
      url: `http://${urlHost(settings.host)}:${port}`,
      ...(inspection && { inspectUrl: inspection.url }),
      unfit: unfit.promise,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** From the package itself, which lies above both `src` and what is built of it. */
export const version: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version

/** Whoever else signs tokens, if the settings name somebody. */
function openIssuer({ tokenIssuer }: Settings, log: Logger) {
  if (tokenIssuer === undefined) return undefined
  const { jwksUrl: url, issuer, audience } = tokenIssuer
  return { keys: openIssuerKeys({ url, log }), issuer, audience }
}

/** In Redis if there is one, for any number of processes; else in this process. */
async function openPresence(settings: Settings, log: Logger) {
  const { redisUrl: url, redisMode: mode, transporterTtlMs, driverTtlMs } = settings
  if (url !== undefined) return createRedisPresence({ url, mode, transporterTtlMs, driverTtlMs, log })
  const check: HealthCheck = async () => ({ status: 'ok', presence: 'in this process' })
  return { presence: createMemoryPresence({ transporterTtlMs, driverTtlMs }), check, close() {} }
}

const stateOf = ({ idleCount, totalCount, waitingCount }: pg.Pool) => ({
  idle: idleCount,
  total: totalCount,
  waiting: waitingCount,
})

const postgresDown = (): CheckResult => ({ status: 'down', reason: 'failed' })

function createService(
  database: Database,
  checks: ReturnType<typeof createPostgresChecks> & Readonly<Record<'capacity', HealthCheck>>,
  engine: Engine,
  redis: HealthCheck,
  metrics: Metrics,
  isDraining: () => boolean,
): Service {
  const postgres = async () => ({
    ...withRecentFailures(await checks.postgres().catch(postgresDown), database.recentFailures()),
    clockOffsetMs: Math.round(engine.clockOffsetMs()),
  })
  const definitions = async () => definitionsCheck(engine.membership())
  return {
    ...createHealth(version, { ...checks, postgres, redis, definitions }, isDraining),
    async metrics() {
      return { contentType: metrics.contentType, page: await metrics.page() }
    },
  }
}

/** Whether this process knows the definitions in use. `lapsed`: the database has not confirmed it lately. */
function definitionsCheck({ state, writing }: ReturnType<Engine['membership']>): CheckResult {
  const status = state === 'unfit' ? 'down' : state === 'lapsed' ? 'degraded' : 'ok'
  return { status, membership: state, writing }
}

function listen(server: Server, { port, host }: Settings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** An IPv6 address needs brackets, and nobody can go to "every address". */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
