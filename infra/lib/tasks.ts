/*
 * The tasks that ECS starts: one image in four roles. Secret values are referenced here by name and never written. Each
 * task has an IAM role of its own, with only the permissions it needs.
 */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { grantSecrets, importRepository, importSecret } from './imports.ts'
import { NAME, type ONE_OFF_TASKS, PORT, type ServiceName } from './names.ts'

/**
 * The balancer is our only proxy. A busy app sends about twenty requests a minute, and all phones of a depot share an
 * address.
 */
const limits = {
  TRUSTED_PROXIES: '1',
  RATE_LIMIT_USER_PER_MINUTE: '600',
  RATE_LIMIT_ADDRESS_PER_MINUTE: '6000',
  // What one person may make: docs/GROWTH.md says why these numbers, and what they come to.
  CREATES_PER_MINUTE: '20',
  CREATES_PER_DAY: '1000',
  CANCELS_PER_HOUR: '20',
  TRIPS_PER_DAY: '2000',
  RELEASES_PER_REQUEST: '10',
  IDEMPOTENCY_KEYS_PER_DAY: '2000',
  ADMIN_ACTIONS_PER_HOUR: '1000',
}

/** The values of the secret that always exist, so ECS can inject them. The others are read through SECRETS_ARN. */
const INJECTED = ['DATABASE_URL', 'JWT_SECRET', 'JWT_REFRESH_SECRET', 'REDIS_URL'] as const

/** A drain takes DRAIN_SECONDS, 25 by default. If a task is killed earlier, its work waits until a lease expires. */
const STOP_TIMEOUT = Duration.seconds(40)

export interface TaskProps {
  readonly name: ServiceName | (typeof ONE_OFF_TASKS)[number]
  readonly foundation: FoundationStack
  readonly imageTag: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly injected?: readonly (typeof INJECTED)[number][]
  readonly serves?: boolean
}

export class Task extends Construct {
  readonly definition: ecs.FargateTaskDefinition
  readonly logGroup: logs.LogGroup

  constructor(scope: Construct, id: string, props: TaskProps) {
    super(scope, id)
    const { name, foundation, serves = false } = props
    const role = (kind: string) =>
      new iam.Role(this, `${kind}Role`, {
        roleName: `${NAME}-${name}-${kind}`,
        assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
          conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
        }),
      })
    this.definition = new ecs.FargateTaskDefinition(this, 'Definition', {
      family: `${NAME}-${name}`,
      cpu: serves ? 1024 : 512,
      memoryLimitMiB: serves ? 2048 : 1024,
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.X86_64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
      taskRole: role('task'),
      executionRole: role('execution'),
    })
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/${NAME}/${name}`,
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    const { secretArn } = foundation.secret
    const secret = importSecret(this, 'Secret', secretArn)
    const injected = props.injected ?? []
    if (injected.length > 0) grantSecrets(this.definition.obtainExecutionRole(), foundation, [secretArn])
    this.definition.addContainer(name, {
      containerName: name,
      image: ecs.ContainerImage.fromEcrRepository(
        importRepository(this, 'Repository', foundation),
        props.imageTag,
      ),
      command: [...props.command],
      environment: { NODE_ENV: 'production', ...props.environment },
      secrets: Object.fromEntries(
        injected.map(field => [field, ecs.Secret.fromSecretsManager(secret, field)]),
      ),
      logging: ecs.LogDrivers.awsLogs({ logGroup: this.logGroup, streamPrefix: name }),
      readonlyRootFilesystem: true,
      user: 'node',
      stopTimeout: STOP_TIMEOUT,
      ...(serves ? serving : {}),
    })
    acknowledge(
      this.definition,
      'AwsSolutions-ECS2',
      'The environment contains no secret: only names, and the ARN of the secret.',
    )
    // The only action without a resource. It allows the login to the registry; the pull itself is granted by name.
    acknowledge(
      this.definition.executionRole as iam.Role,
      'AwsSolutions-IAM5[Resource::*]',
      'ecr:GetAuthorizationToken supports no resources.',
    )
  }

  /** Lets the task read the secret itself, for values that ECS cannot inject. */
  readSecret(foundation: FoundationStack): void {
    grantSecrets(this.definition.taskRole, foundation, [foundation.secret.secretArn])
  }
}

/** This check only asks whether the process is alive. The balancer checks whether it can serve. */
const serving = {
  portMappings: [{ containerPort: PORT, name: 'http' }],
  healthCheck: {
    command: ['CMD', 'node', 'dist/health-check.js'],
    interval: Duration.seconds(15),
    timeout: Duration.seconds(5),
    retries: 3,
    // A start may wait for the database for DATABASE_WAIT_SECONDS, 60 by default.
    startPeriod: Duration.seconds(90),
  },
} satisfies Partial<ecs.ContainerDefinitionOptions>

/** A task that serves. `ROLE` selects its role. */
export function servingTask(
  scope: Construct,
  name: ServiceName,
  foundation: FoundationStack,
  imageTag: string,
): Task {
  const task = new Task(scope, `${name}Task`, {
    name,
    foundation,
    imageTag,
    command: ['node', '--enable-source-maps', '--max-semi-space-size=64', 'dist/main.js'],
    environment: {
      ROLE: name,
      PORT: String(PORT),
      SECRETS_ARN: foundation.secret.secretArn,
      ...limits,
    },
    injected: INJECTED,
    serves: true,
  })
  task.readSecret(foundation)
  return task
}

/** The task that a release runs once, before any of its servers takes traffic. */
export function migrateTask(scope: Construct, foundation: FoundationStack, imageTag: string): Task {
  return new Task(scope, 'MigrateTask', {
    name: 'migrate',
    foundation,
    imageTag,
    command: ['node', 'dist/migrate.js'],
    injected: ['DATABASE_URL'],
  })
}
