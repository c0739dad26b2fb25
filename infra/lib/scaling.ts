/*
 * Scales the number of processes. Target tracking adds processes if any of its metrics is above its target, and removes
 * some only if all metrics are below.
 */
import { Duration } from 'aws-cdk-lib'
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import type * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { METRICS } from './names.ts'

/** Two of each service, in two zones, so that one may fail at any time. */
const MIN_TASKS = 2
/** Each task has about 20 connections. With more tasks than this, Postgres needs a pooler (docs/SCALING.md). */
const MAX_API_TASKS = 12
const MAX_WORKER_TASKS = 8
/** A task has one event loop on one vCPU. Beyond this load, the tail of the latencies grows before the mean shows it. */
const CPU_PERCENT = 60
/** Timers are looked for once a second. If they are this late, the present workers cannot keep up. */
const LAG_MS = 2_000
/** A request takes one or two milliseconds of CPU, so this is half of what one process can handle. */
const REQUESTS_PER_TASK_AND_MINUTE = 12_000

const slowly = { scaleOutCooldown: Duration.minutes(1), scaleInCooldown: Duration.minutes(10) }

/** The longest time that due work has waited, from the logs of all processes. */
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
  if (first === undefined) throw new Error('Expected at least one log group')
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
