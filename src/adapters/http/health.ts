/*
 * `/health`: each check runs at most once a second and has a time limit. So neither strangers nor a hanging database
 * can use the page to block the process.
 */

export type HealthState = 'ok' | 'degraded' | 'down'

export interface CheckResult {
  readonly status: HealthState
  /** Figures and short texts for operators; never an address or a statement. */
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
  /** The process is shutting down. Balancers should send it no new work; it still answers what comes. */
  readonly draining?: true
  readonly version: string
  readonly checks: Readonly<Record<CheckName, CheckResult>>
}

/** What the service routes show about the process. */
export interface Service {
  health(): Promise<HealthReport>
  /** Whether something polls `/health`, such as a balancer. */
  isWatched(): boolean
  /** Figures for Prometheus, in its text format. */
  metrics(): Promise<{ readonly contentType: string; readonly page: string }>
}

/** A slower check is useless to a balancer, which itself waits only a few seconds. */
const CHECK_TIMEOUT_MS = 2_000
/** However often `/health` is called, the checks run no more often than this. */
const REPORT_AGE_MS = 1_000
/** Balancers poll every few seconds; the slowest poll twice a minute. */
const WATCHED_FOR_MS = 60_000

/** Without these the process cannot answer, so it is `down`. The other checks only degrade it. */
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
    // A shutdown is reported at once, with the last known state of the checks.
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
