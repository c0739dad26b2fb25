/*
 * How many processes there are. Target tracking adds when any of its measures is above its target, and takes away
 * only when all of them are below.
 */
import { Duration } from 'aws-cdk-lib'
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import type * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { METRICS } from './names.ts'

/** Two of each, in two zones: one may go at any time. */
const MIN_TASKS = 2
/** Each has some 20 connections: more tasks than this, and Postgres needs a pooler first (docs/SCALING.md). */
const MAX_API_TASKS = 12
const MAX_WORKER_TASKS = 8
/** One event loop on one vCPU: beyond this, the tail of the latencies grows before the mean shows it. */
const CPU_PERCENT = 60
/** Timers are looked for once a second: this late, the workers there are cannot keep up. */
const LAG_MS = 2_000
/** A request takes a millisecond or two of CPU: this is half of what one process can do. */
const REQUESTS_PER_TASK_AND_MINUTE = 12_000

const slowly = { scaleOutCooldown: Duration.minutes(1), scaleInCooldown: Duration.minutes(10) }

/** The longest that anything due has waited, as each process logs it. */
export function lagMetric(scope: Construct, logGroups: readonly logs.ILogGroup[]): cloudwatch.Metric {
  const filters = logGroups.map(
    (logGroup, index) =>
      new logs.MetricFilter(scope, `LagFilter${index}`, {
        logGroup,
        filterPattern: logs.FilterPattern.stringValue('$.msg', '=', 'lag'),
        metricNamespace: METRICS,
        metricName: 'LagMs',
        metricValue: '$.lagMs',
      }),
  )
  const [first] = filters
  if (first === undefined) throw new Error('Somebody has to log it')
  return first.metric({ statistic: 'Maximum', period: Duration.minutes(1) })
}

export function scaleApi(service: ecs.FargateService, targetGroup: elb.ApplicationTargetGroup): void {
  const scaling = service.autoScaleTaskCount({ minCapacity: MIN_TASKS, maxCapacity: MAX_API_TASKS })
  scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: CPU_PERCENT, ...slowly })
  scaling.scaleOnRequestCount('Requests', {
    requestsPerTarget: REQUESTS_PER_TASK_AND_MINUTE,
    targetGroup,
    ...slowly,
  })
}

export function scaleWorker(service: ecs.FargateService, lag: cloudwatch.IMetric): void {
  const scaling = service.autoScaleTaskCount({ minCapacity: MIN_TASKS, maxCapacity: MAX_WORKER_TASKS })
  scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: CPU_PERCENT, ...slowly })
  scaling.scaleToTrackCustomMetric('Lag', { metric: lag, targetValue: LAG_MS, ...slowly })
}
