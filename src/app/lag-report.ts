/*
 * Logs how late the most delayed timer or delivery is, every 30 s. Autoscaling and alarms depend on this line:
 * infra/lib/scaling.ts reads `msg` and `lagMs`.
 */
import type { Logger } from 'pino'

/** A metric has one value a minute, and two reports fall into each minute. */
const INTERVAL_MS = 30_000

type LagCheck = () => Promise<Readonly<Record<string, unknown>>>

export interface LagReport {
  stop(): void
}

export function startLagReport(
  checks: { readonly timers: LagCheck; readonly outbox: LagCheck },
  log: Pick<Logger, 'info' | 'warn'>,
  intervalMs = INTERVAL_MS,
): LagReport {
  const timer = setInterval(async () => {
    try {
      const [timers, outbox] = await Promise.all([checks.timers(), checks.outbox()])
      const lags = [timers.lagMs, outbox.lagMs].map(Number)
      log.info({ lagMs: Math.max(...lags), timersLagMs: lags[0], outboxLagMs: lags[1] }, 'lag')
    } catch (error) {
      // The alarm also fires when no line is logged.
      log.warn({ err: error }, 'lag could not be measured')
    }
  }, intervalMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
