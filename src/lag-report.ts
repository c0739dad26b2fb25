/*
 * One line now and then that says how late the most delayed timer or delivery is. Autoscaling and alarms are made of
 * it: see infra/lib/scaling.ts, which reads `msg` and `lagMs`.
 */
import type { Logger } from 'pino'

/** Metrics have a value a minute: two reports fall into each. */
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
      // No line is a finding too: the alarm fires when none comes.
      log.warn({ err: error }, 'lag could not be found out')
    }
  }, intervalMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
