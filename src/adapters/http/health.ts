/*
 * `/health`: each check is asked at most once a second and waited for a bounded time, so that neither
 * strangers nor a hanging database can use it against us.
 */

export type HealthState = 'ok' | 'degraded' | 'down'

export interface CheckResult {
  readonly status: HealthState
  /** Figures and words for operators; never an address or a statement. */
  readonly [fact: string]: unknown
}

export type HealthCheck = () => Promise<CheckResult>

export const checkNames = [
  'postgres',
  'redis',
  'migrations',
  'timers',
  'outbox',
  'capacity',
  'definitions',
] as const
export type CheckName = (typeof checkNames)[number]

export interface HealthReport {
  readonly status: HealthState
  /** It is about to end: no more work for it, though what comes is still done. */
  readonly draining?: true
  readonly version: string
  readonly checks: Readonly<Record<CheckName, CheckResult>>
}

/** What the service routes show of the process. */
export interface Service {
  health(): Promise<HealthReport>
  /** Somebody looks at `/health` again and again: a balancer, or whoever else decides who gets work. */
  isWatched(): boolean
  /** Figures for Prometheus, in its text format. */
  metrics(): Promise<{ readonly contentType: string; readonly page: string }>
}

/** A check that takes longer tells a balancer nothing: its own patience is some seconds. */
const CHECK_TIMEOUT_MS = 2_000
/** However often it is asked, the database is asked no more often than this. */
const REPORT_AGE_MS = 1_000
/** Balancers ask every few seconds, the most patient twice a minute. */
const WATCHED_FOR_MS = 60_000

/** Without these nothing can be answered: they decide whether we are `down`. The rest only degrades. */
const vital: readonly CheckName[] = ['postgres', 'migrations', 'capacity', 'definitions']

export function createHealth(
  version: string,
  checks: Readonly<Record<CheckName, HealthCheck>>,
  isDraining: () => boolean = () => false,
): Pick<Service, 'health' | 'isWatched'> {
  let latest: { readonly at: number; readonly report: Promise<HealthReport> } | undefined
  let known: HealthReport | undefined
  let askedAt = Number.NEGATIVE_INFINITY

  async function health(): Promise<HealthReport> {
    const now = performance.now()
    askedAt = now
    if (latest === undefined || now - latest.at > REPORT_AGE_MS) {
      latest = { at: now, report: examine(version, checks) }
    }
    // That we end is said at once, with what was last known of the rest.
    const report = isDraining() && known !== undefined ? known : await latest.report
    known = report
    return isDraining() ? { ...report, status: 'down', draining: true } : report
  }

  return { health, isWatched: () => performance.now() - askedAt < WATCHED_FOR_MS }
}

async function examine(
  version: string,
  checks: Readonly<Record<CheckName, HealthCheck>>,
): Promise<HealthReport> {
  const results = await Promise.all(
    checkNames.map(async name => [name, await bounded(checks[name])] as const),
  )
  const states = results.map(([name, { status }]) =>
    status === 'down' && !vital.includes(name) ? 'degraded' : status,
  )
  const status = states.includes('down') ? 'down' : states.includes('degraded') ? 'degraded' : 'ok'
  return { status, version, checks: Object.fromEntries(results) as Record<CheckName, CheckResult> }
}

async function bounded(check: HealthCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<CheckResult>(resolve => {
    timer = setTimeout(() => resolve({ status: 'down', reason: 'no answer in time' }), CHECK_TIMEOUT_MS)
  })
  const asked = check().catch((): CheckResult => ({ status: 'down', reason: 'failed' }))
  return await Promise.race([asked, timeout]).finally(() => clearTimeout(timer))
}
