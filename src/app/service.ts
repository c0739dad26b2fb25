import { type CheckResult, createHealth, type HealthCheck, type Service } from '../adapters/http/health.js'
import type { Database } from '../adapters/postgres/connection/database.js'
import { type createPostgresChecks, withRecentFailures } from '../adapters/postgres/health/health.js'
import type { Metrics } from '../adapters/telemetry/metrics.js'
import type { Engine } from '../runtime/api.js'

const postgresDown = (): CheckResult => ({ status: 'down', reason: 'failed' })

/** What an app reports about itself: its health and its metrics. */
export function createService(
  version: string,
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
