import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Match } from 'aws-cdk-lib/assertions'
import { subjectsOf } from '../lib/pipeline-stack.ts'
import { synthesized } from './synthesized.ts'

const { service, pipeline } = synthesized()

interface Container {
  readonly Name: string
  readonly Environment: { readonly Name: string }[]
  readonly Secrets?: { readonly Name: string; readonly ValueFrom: unknown }[]
}

const definitions = Object.values(service.findResources('AWS::ECS::TaskDefinition'))
const containers: Container[] = definitions.flatMap(({ Properties }) => Properties.ContainerDefinitions)
const secretNames = [
  'DATABASE_URL',
  'JWT_SECRET',
  'JWT_SECRET_PREVIOUS',
  'JWT_REFRESH_SECRET',
  'JWT_REFRESH_SECRET_PREVIOUS',
  'REDIS_URL',
  'FCM_SERVICE_ACCOUNT',
]

test('R9.1 P3.1 no task definition has a secret in its environment; what is injected comes from the secret', () => {
  assert.deepEqual(containers.map(({ Name }) => Name).sort(), ['api', 'migrate', 'operations', 'worker'])
  for (const { Environment } of containers) {
    const names = Environment.map(({ Name }) => Name)
    assert.deepEqual(
      names.filter(name => secretNames.includes(name)),
      [],
    )
  }
  for (const name of ['api', 'worker']) {
    const { Secrets = [], Environment } = containers.find(({ Name }) => Name === name) ?? assert.fail()
    assert.deepEqual(
      Secrets.map(secret => secret.Name),
      ['DATABASE_URL', 'JWT_SECRET', 'JWT_REFRESH_SECRET', 'REDIS_URL'],
    )
    for (const { Name, ValueFrom } of Secrets) {
      assert.match(JSON.stringify(ValueFrom), new RegExp(`ExportsOutputRefSecret.*:${Name}::`))
    }
    assert.ok(Environment.some(({ Name }) => Name === 'SECRETS_ARN'))
  }
})

test('R9.1 a task’s role reads that one secret and does nothing else', () => {
  for (const name of ['api', 'worker']) {
    const [policy] = Object.entries(service.findResources('AWS::IAM::Policy')).filter(([id]) =>
      id.startsWith(`${name}Tasktask`),
    )
    const statements = policy?.[1].Properties.PolicyDocument.Statement ?? []
    assert.deepEqual(
      statements.map(({ Action }: { Action: unknown }) => Action),
      [['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'], 'kms:Decrypt'],
    )
    for (const { Resource } of statements) assert.match(JSON.stringify(Resource), /ImportValue/)
    assert.match(JSON.stringify(statements[1].Condition), /secretsmanager\.ap-south-1\.amazonaws\.com/)
  }
})

test('R9.2 no role may do everything, and none may do anything to everything it need not', () => {
  const allowed = new Set([
    'ecr:GetAuthorizationToken',
    'ecs:ListTaskDefinitions',
    'ecs:DeregisterTaskDefinition',
    'ecs:ListTasks',
    'ecs:DescribeTasks',
    'ecs:DescribeTaskDefinition',
    'ecs:RegisterTaskDefinition',
  ])
  for (const template of [service, pipeline]) {
    for (const { Properties } of Object.values(template.findResources('AWS::IAM::Policy'))) {
      for (const { Action, Resource } of Properties.PolicyDocument.Statement) {
        const actions: string[] = [Action].flat()
        assert.ok(
          actions.every(action => !action.includes('*')),
          JSON.stringify(actions),
        )
        if (Resource === '*')
          assert.deepEqual(
            actions.filter(action => !allowed.has(action)),
            [],
          )
      }
    }
  }
})

test('R9.2 services roll, break the circuit and roll back, in private subnets without a public address', () => {
  service.resourceCountIs('AWS::ECS::Service', 2)
  service.allResourcesProperties('AWS::ECS::Service', {
    LaunchType: 'FARGATE',
    DeploymentConfiguration: Match.objectLike({
      DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      MinimumHealthyPercent: 100,
      MaximumPercent: 200,
    }),
    NetworkConfiguration: { AwsvpcConfiguration: Match.objectLike({ AssignPublicIp: 'DISABLED' }) },
  })
  for (const { Properties } of Object.values(service.findResources('AWS::ECS::Service'))) {
    const { Subnets } = Properties.NetworkConfiguration.AwsvpcConfiguration
    assert.equal(Subnets.length, 2)
    for (const subnet of Subnets) assert.match(JSON.stringify(subnet), /tasksSubnet/)
  }
})

test('R9.2 containers are linux/amd64, not root, on a file system that they cannot write', () => {
  service.allResourcesProperties('AWS::ECS::TaskDefinition', {
    RuntimePlatform: { CpuArchitecture: 'X86_64', OperatingSystemFamily: 'LINUX' },
    ContainerDefinitions: [Match.objectLike({ ReadonlyRootFilesystem: true, User: 'node', StopTimeout: 40 })],
  })
})

test('R9.2 the balancer is asked for over TLS, ties no client to a task, and looks at /health', () => {
  service.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
    Port: 443,
    Protocol: 'HTTPS',
    Certificates: [{ CertificateArn: Match.stringLikeRegexp('^arn:aws:acm:') }],
    SslPolicy: Match.stringLikeRegexp('TLS13'),
  })
  service.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
    Port: 80,
    DefaultActions: [{ Type: 'redirect', RedirectConfig: Match.objectLike({ Protocol: 'HTTPS' }) }],
  })
  service.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
    HealthCheckPath: '/health',
    TargetType: 'ip',
    TargetGroupAttributes: Match.arrayWith([{ Key: 'stickiness.enabled', Value: 'false' }]),
  })
  const [balancer] = Object.values(service.findResources('AWS::ElasticLoadBalancingV2::LoadBalancer'))
  const attributes = Object.fromEntries(
    balancer?.Properties.LoadBalancerAttributes.map(({ Key, Value }: Record<string, string>) => [Key, Value]),
  )
  assert.equal(attributes['deletion_protection.enabled'], 'true')
  assert.equal(attributes['routing.http.drop_invalid_header_fields.enabled'], 'true')
  // A ping comes every 25 s. A shorter idle time would cut every socket.
  assert.ok(Number(attributes['idle_timeout.timeout_seconds']) > 60)
})

test('R9.2 a failover of the database does not cost the tasks: the balancer waits longer than it takes', () => {
  const [group] = Object.values(service.findResources('AWS::ElasticLoadBalancingV2::TargetGroup'))
  const { UnhealthyThresholdCount, HealthCheckIntervalSeconds } = group?.Properties ?? {}
  assert.ok(UnhealthyThresholdCount * HealthCheckIntervalSeconds >= 150)
})

test('R9.2 the worker scales on lag and CPU, the api on CPU and requests', () => {
  const policies = Object.entries(service.findResources('AWS::ApplicationAutoScaling::ScalingPolicy'))
  const measures = policies.map(([id, { Properties }]) => {
    const tracked = Properties.TargetTrackingScalingPolicyConfiguration
    const of = tracked.PredefinedMetricSpecification?.PredefinedMetricType
    return [
      id.startsWith('worker') ? 'worker' : 'api',
      of ?? tracked.CustomizedMetricSpecification.MetricName,
    ]
  })
  assert.deepEqual(measures.sort(), [
    ['api', 'ALBRequestCountPerTarget'],
    ['api', 'ECSServiceAverageCPUUtilization'],
    ['worker', 'ECSServiceAverageCPUUtilization'],
    ['worker', 'LagMs'],
  ])
  service.allResourcesProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 2 })
})

test('R9.2 lag is read off the line that every process logs', () => {
  service.resourceCountIs('AWS::Logs::MetricFilter', 2)
  service.allResourcesProperties('AWS::Logs::MetricFilter', {
    FilterPattern: '{ $.msg = "lag" }',
    MetricTransformations: [Match.objectLike({ MetricName: 'LagMs', MetricValue: '$.lagMs' })],
  })
})

test('R9.2 alarms reach somebody, and a rolled back deployment is one', () => {
  const alarms = Object.values(service.findResources('AWS::CloudWatch::Alarm'))
  assert.equal(alarms.length, 10)
  for (const { Properties } of alarms) assert.equal(Properties.AlarmActions.length, 1)
  const runbook = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8')
  for (const { Properties } of alarms) {
    const [, anchor] = Properties.AlarmDescription.split('#')
    assert.ok(runbook.includes(`<a id="${anchor}"></a>`), `the runbook says nothing of ${anchor}`)
  }
  service.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email' })
  service.hasResourceProperties('AWS::Events::Rule', {
    EventPattern: Match.objectLike({ detail: { eventName: ['SERVICE_DEPLOYMENT_FAILED'] } }),
  })
})

test('R9.3 P4.4 whoever deploys is a run on main of this repository, in either form of its name, and has no key', () => {
  const trusted = [
    'repo:example/loadcast:ref:refs/heads/main',
    'repo:example@1234567/loadcast@7654321:ref:refs/heads/main',
  ]
  pipeline.hasResourceProperties('AWS::IAM::Role', {
    AssumeRolePolicyDocument: {
      Statement: [
        {
          Action: 'sts:AssumeRoleWithWebIdentity',
          Effect: 'Allow',
          Principal: { Federated: Match.anyValue() },
          // Only equality: with StringLike, a pattern would be possible.
          Condition: {
            StringEquals: {
              'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
              'token.actions.githubusercontent.com:sub': trusted,
            },
          },
        },
      ],
    },
  })
  const { owner, ownerId, repository, repositoryId } = {
    owner: 'a',
    ownerId: '1',
    repository: 'b',
    repositoryId: '2',
  }
  for (const subject of subjectsOf({ github: { owner, ownerId, repository, repositoryId } })) {
    assert.doesNotMatch(subject, /[*?]/)
  }
})

test('R9.3 the pipeline hands over only the roles of what it deploys', () => {
  pipeline.hasResourceProperties('AWS::IAM::Policy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Action: 'iam:PassRole',
          Resource: ['api', 'migrate', 'worker'].flatMap(name =>
            ['execution', 'task'].map(kind => `arn:aws:iam::123456789012:role/loadcast-${name}-${kind}`),
          ),
          Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
        }),
      ]),
    },
  })
})
