/*
 * Puts the product together on an available database: everything between the settings and an open port. `main` adds
 * what belongs to a process (an embedded Postgres, signals, a banner). Tests use it as it is.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { createAdmission } from '../adapters/http/admission.js'
import { createHttpApp } from '../adapters/http/app.js'
import { capacityCheck } from '../adapters/http/capacity.js'
import type { HealthCheck } from '../adapters/http/health.js'
import { createHttpServer } from '../adapters/http/server.js'
import { Traffic } from '../adapters/http/traffic/traffic.js'
import { createInspection } from '../adapters/inspect/inspection.js'
import { createMemoryPresence } from '../adapters/memory/presence.js'
import { createBacklog } from '../adapters/postgres/health/backlog.js'
import { createPostgresChecks } from '../adapters/postgres/health/health.js'
import { createIdempotencyStore } from '../adapters/postgres/product/idempotency-store.js'
import { createRefreshFamilies } from '../adapters/postgres/product/refresh-family-store.js'
import { createRedisPresence } from '../adapters/redis/presence.js'
import { createSocketServer } from '../adapters/socket/server.js'
import { openIssuerKeys } from '../adapters/tokens/issuer-keys.js'
import { createTokenVerifier } from '../adapters/tokens/jwt.js'
import { ACCESS_TTL_MS, createRefreshTokens } from '../adapters/tokens/refresh.js'
import { withResolvers } from '../concurrency/with-resolvers.js'
import { familySweep } from '../dispatch/auth/family-sweep.js'
import { createRefresh } from '../dispatch/auth/refresh.js'
import { createDispatch } from '../dispatch/dispatch.js'
import type { PushSender } from '../dispatch/ports.js'
import { broadcastDefinition } from '../machines/index.js'
import { createEngine } from '../runtime/engine.js'
import type { Faults } from '../runtime/faults.js'
import { defined } from '../types/defined.js'
import type { DatabaseWait } from './database-wait.js'
import { drain } from './drain.js'
import { startLagReport } from './lag-report.js'
import { openPostgres, productStores } from './postgres.js'
import { openPush } from './push.js'
import { openRateLimits, withLimits } from './rate-limits.js'
import { createService } from './service.js'
import type { Settings } from './settings/settings.js'
import { openSocketCluster, withCluster } from './socket-cluster.js'
import { meteredFanout, openTelemetry } from './telemetry.js'
import type { TokenKeys } from './token-keys.js'

export interface AppOptions {
  readonly settings: Settings
  /** The database must be migrated. */
  readonly connectionString: string
  readonly tokenKeys: TokenKeys
  readonly log: Logger
  /** Distinguishes this process from others of its release. */
  readonly instanceId?: string
  /** How the start waits for an unavailable database. Absent: it does not wait. */
  readonly whenAvailable?: DatabaseWait
  /** For tests: see runtime/faults.ts. */
  readonly faults?: Faults
  /** For tests: replaces the sender that the settings configure. */
  readonly pushSender?: PushSender
}

export interface App {
  /** Where it listens, with the actual port if the settings let the system choose. */
  readonly url: string
  /** The page that shows live instances, if it is enabled. The URL holds the token that opens it. */
  readonly inspectUrl?: string
  /** Resolves with the reason when this process can no longer serve and should be closed. */
  readonly unfit: Promise<Error>
  /**
   * Accepts no more work, finishes what is in progress, hands the rest over, and ends every connection: see drain.ts.
   * `hasNotice`: gives a balancer or proxy time to notice the shutdown.
   */
  close(options?: { hasNotice?: boolean }): Promise<void>
}

/**
 * Connections that wait to be accepted. After a pause of a second all clients connect at once. A client that finds
 * Node's default of 511 full retries only after seconds. Linux allows no more than this.
 */
const BACKLOG = 4_096

/**
 * How long a process of the previous release that starts beside this one may go unnoticed: one announcement (5 s), or
 * three if two fail. Events of that time are redelivered to its sockets.
 */
const OLD_UNNOTICED_MS = 15_000

/** Makes and starts an app. If the start fails, it closes all parts and throws. */
export async function createApp(options: AppOptions): Promise<App> {
  const { settings } = options
  const { whenAvailable = work => work() } = options
  const takesRequests = settings.role !== 'worker'
  const looksAfterOthers = settings.role !== 'api'
  const { http, sockets, product, forgetting, inspection, unfit, close } = await compose(options)
  if (takesRequests) {
    sockets.onMissed(product.redeliver)
    sockets.attach(http.server, product.dispatch)
  }
  try {
    await whenAvailable(() => product.engine.start({ timers: looksAfterOthers, sweeps: looksAfterOthers }))
    if (looksAfterOthers) {
      product.startSweeps()
      forgetting.start()
    }
    if (takesRequests) await whenAvailable(() => product.watchSessions())
    const port = await listen(http.server, settings)
    return {
      url: `http://${urlHost(settings.host)}:${port}`,
      ...(inspection && { inspectUrl: inspection.url }),
      unfit,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * Makes all parts of an app. Nothing is started, and no port is open. Over 70 lines because it makes each part once, in
 * the order in which the parts need each other, and closes them in the order in which they may end.
 */
async function compose(options: AppOptions) {
  const { settings, tokenKeys, log } = options
  const { instanceId = randomUUID() } = options
  const takesRequests = settings.role !== 'worker'
  // First, because an unsuitable Redis stops the start before anything else is open.
  const cluster = await openSocketCluster(settings, log)
  const telemetry = await openTelemetry(settings, { version, instanceId }, log)
  const { metrics, tracer } = telemetry
  const postgres = openPostgres(options)
  const { pool } = postgres
  const keys = createIdempotencyStore(pool, { perDay: settings.caps.idempotencyKeysPerDay })
  const inspection = await openInspection(settings)
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
    peers: postgres.peers,
  })
  postgres.peers.onOldCame(() => cluster?.cluster.tellMissed(OLD_UNNOTICED_MS))
  const product = createDispatch({
    ...productStores(postgres),
    keys,
    pushSender,
    presence: presence.presence,
    fanout: meteredFanout(sockets.fanout, metrics.product),
    localFanout: sockets.localFanout,
    meter: metrics.product,
    settings,
    log,
    createEngine: subscribers =>
      createEngine({
        store: postgres.store,
        definitions: [broadcastDefinition],
        subscribers,
        wakeups: postgres.wakeups,
        log,
        meter: metrics.meter,
        tracer,
        onUnfit: unfit.resolve,
        ...defined({ faults: options.faults, observe: inspection?.observe }),
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
  const checks = createPostgresChecks(postgres.healthPool)
  const admission = createAdmission()
  const traffic = new Traffic({
    rooms: [admission.room],
    trustedProxies: settings.trustedProxies,
    onCutOff: metrics.product.cutOff,
  })
  const { arriving, unread } = traffic
  const service = createService(
    version,
    postgres.database,
    { ...checks, capacity: capacityCheck({ requests: admission.room, arriving, unread }) },
    engine,
    withLimits(withCluster(presence.check, cluster), limits),
    metrics,
    () => isDraining,
  )
  metrics.watch({
    sockets: () => sockets.countConnections(),
    requests: () => admission,
    traffic: () => ({
      connections: traffic.connections.size,
      underWay: traffic.underWay.size,
      arriving: arriving.count,
      unread: unread.count,
    }),
    pools: postgres.poolStates,
    backlog: createBacklog(pool),
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
    await postgres.close()
    await telemetry.close()
  }
  return { http, sockets, product, forgetting, inspection, unfit: unfit.promise, close }
}

/** The page of live instances, if the settings enable it. */
async function openInspection({ inspectPort: port, host }: Settings) {
  if (port === undefined) return undefined
  return await createInspection({ definitions: [broadcastDefinition], host, port })
}

/** The version is read from the package, whose root is above both `src` and `dist`. */
export const version: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version

/** The external token issuer, if the settings name one. */
function openIssuer({ tokenIssuer }: Settings, log: Logger) {
  if (tokenIssuer === undefined) return undefined
  const { jwksUrl: url, issuer, audience } = tokenIssuer
  return { keys: openIssuerKeys({ url, log }), issuer, audience }
}

/** Presence in Redis for any number of processes, or in this process if there is no Redis. */
async function openPresence(settings: Settings, log: Logger) {
  const { redisUrl: url, redisMode: mode, transporterTtlMs, driverTtlMs } = settings
  if (url !== undefined) return createRedisPresence({ url, mode, transporterTtlMs, driverTtlMs, log })
  const check: HealthCheck = async () => ({ status: 'ok', presence: 'in this process' })
  return { presence: createMemoryPresence({ transporterTtlMs, driverTtlMs }), check, close() {} }
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

/** An IPv6 address needs brackets, and "every address" cannot be opened in a browser. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
