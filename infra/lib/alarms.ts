/* The alarms that notify an operator. docs/OPERATIONS.md says for each what to do. */
import { Duration, type Stack } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import { HttpCodeTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import * as events from 'aws-cdk-lib/aws-events'
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets'
import * as sns from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Balancer } from './balancer.ts'
import type { Config } from './config.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { importKey } from './imports.ts'
import { NAME } from './names.ts'

const MINUTE = Duration.minutes(1)
const GIB = 1024 ** 3

export interface Watched {
  readonly config: Config
  readonly foundation: FoundationStack
  readonly services: Readonly<Record<'api' | 'worker', ecs.FargateService>>
  readonly balancer: Balancer
  readonly lag: cloudwatch.Metric
}

interface Alarm {
  readonly metric: cloudwatch.IMetric
  readonly threshold: number
  readonly minutes: number
  /** True if small values are bad. */
  readonly below?: boolean
  /** What missing data mean. The default is that they mean nothing. */
  readonly missing?: cloudwatch.TreatMissingData
}

export function addAlarms(stack: Stack, watched: Watched): void {
  const topic = alarmTopic(stack, watched)
  for (const [name, alarm] of Object.entries(alarmsOf(watched))) {
    const comparison = alarm.below ? 'LESS_THAN_THRESHOLD' : 'GREATER_THAN_THRESHOLD'
    new cloudwatch.Alarm(stack, `Alarm-${name}`, {
      alarmName: `${NAME}-${name}`,
      alarmDescription: `docs/OPERATIONS.md#${name}`,
      metric: alarm.metric,
      threshold: alarm.threshold,
      evaluationPeriods: alarm.minutes,
      comparisonOperator: cloudwatch.ComparisonOperator[comparison],
      treatMissingData: alarm.missing ?? cloudwatch.TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(topic))
  }
  // After a rollback everything is healthy, so no metric shows the failed deployment.
  new events.Rule(stack, 'DeploymentFailed', {
    eventPattern: {
      source: ['aws.ecs'],
      detailType: ['ECS Deployment State Change'],
      detail: { eventName: ['SERVICE_DEPLOYMENT_FAILED'] },
      resources: Object.values(watched.services).map(({ serviceArn }) => serviceArn),
    },
    targets: [new SnsTopic(topic)],
  })
}

function alarmsOf({ foundation, services, balancer, lag }: Watched): Record<string, Alarm> {
  const { instance } = foundation.database
  const { targets, loadBalancer } = balancer
  const { metrics } = loadBalancer
  const missing = cloudwatch.TreatMissingData.BREACHING
  const redis = (metricName: string) =>
    new cloudwatch.Metric({
      namespace: 'AWS/ElastiCache',
      metricName,
      dimensionsMap: { ReplicationGroupId: foundation.cache.group.ref },
      statistic: 'Maximum',
      period: MINUTE,
    })
  const running = ({ serviceName, cluster }: ecs.FargateService) =>
    new cloudwatch.Metric({
      namespace: 'ECS/ContainerInsights',
      metricName: 'RunningTaskCount',
      dimensionsMap: { ClusterName: cluster.clusterName, ServiceName: serviceName },
      statistic: 'Minimum',
      period: MINUTE,
    })
  return {
    'api-errors': {
      metric: metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, { period: MINUTE, statistic: 'Sum' }),
      threshold: 10,
      minutes: 3,
    },
    'api-unreachable': {
      metric: targets.metrics.healthyHostCount({ period: MINUTE, statistic: 'Minimum' }),
      threshold: 2,
      minutes: 3,
      below: true,
      missing,
    },
    'api-slow': {
      metric: targets.metrics.targetResponseTime({ period: MINUTE, statistic: 'p99' }),
      threshold: 1,
      minutes: 5,
    },
    'worker-down': { metric: running(services.worker), threshold: 1, minutes: 3, below: true, missing },
    lag: { metric: lag, threshold: 10_000, minutes: 3, missing },
    'database-cpu': { metric: instance.metricCPUUtilization({ period: MINUTE }), threshold: 80, minutes: 10 },
    'database-storage': {
      metric: instance.metricFreeStorageSpace({ period: MINUTE, statistic: 'Minimum' }),
      threshold: 10 * GIB,
      minutes: 5,
      below: true,
    },
    'database-connections': {
      metric: instance.metricDatabaseConnections({ period: MINUTE, statistic: 'Maximum' }),
      // An m7g.large takes about 800.
      threshold: 600,
      minutes: 5,
    },
    'redis-memory': { metric: redis('DatabaseMemoryUsagePercentage'), threshold: 80, minutes: 5 },
    'redis-cpu': { metric: redis('EngineCPUUtilization'), threshold: 80, minutes: 10 },
  }
}

function alarmTopic(stack: Stack, { config, foundation }: Watched): sns.Topic {
  const topic = new sns.Topic(stack, 'Alarms', {
    topicName: `${NAME}-alarms`,
    masterKey: importKey(stack, 'AlarmKey', foundation),
    enforceSSL: true,
  })
  topic.addSubscription(new EmailSubscription(config.alarmEmail))
  return topic
}
