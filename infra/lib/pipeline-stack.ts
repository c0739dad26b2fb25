/* Lets only runs on the main branch of one repository deploy, and only while they last. No key can deploy. */
import { type App, CfnOutput, Duration, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import { acknowledge } from './acknowledge.ts'
import type { Config } from './config.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { importRepository } from './imports.ts'
import { IMAGE_TAG_PARAMETER, NAME, SERVICES } from './names.ts'

const ISSUER = 'token.actions.githubusercontent.com'

export class PipelineStack extends Stack {
  constructor(app: App, config: Config, foundation: FoundationStack) {
    super(app, 'Pipeline', {
      stackName: `${NAME}-pipeline`,
      env: { account: config.account, region: config.region },
    })
    const provider = new iam.OidcProviderNative(this, 'GitHub', {
      url: `https://${ISSUER}`,
      clientIds: ['sts.amazonaws.com'],
    })
    const role = new iam.Role(this, 'DeployRole', {
      roleName: `${NAME}-deploy`,
      description: 'A run of the deploy workflow on main',
      maxSessionDuration: Duration.hours(1),
      assumedBy: new iam.WebIdentityPrincipal(provider.oidcProviderArn, {
        StringEquals: { [`${ISSUER}:aud`]: 'sts.amazonaws.com', [`${ISSUER}:sub`]: subjectsOf(config) },
      }),
    })
    this.grantDeploy(role, foundation)
    new CfnOutput(this, 'DeployRoleArn', { value: role.roleArn })
  }

  private grantDeploy(role: iam.Role, foundation: FoundationStack): void {
    const { account, region } = this
    const ecs = (resource: string) => `arn:aws:ecs:${region}:${account}:${resource}`
    const inCluster = { ArnEquals: { 'ecs:cluster': ecs(`cluster/${NAME}`) } }
    const grant = (statement: iam.PolicyStatementProps) =>
      role.addToPolicy(new iam.PolicyStatement(statement))
    const repository = importRepository(this, 'Repository', foundation)
    repository.grantPullPush(role)
    grant({ actions: ['ecr:DescribeImages'], resources: [repository.repositoryArn] })
    grant({ actions: ['ecs:DescribeTaskDefinition', 'ecs:RegisterTaskDefinition'], resources: ['*'] })
    grant({
      actions: ['ecs:DescribeServices', 'ecs:UpdateService'],
      resources: SERVICES.map(name => ecs(`service/${NAME}/${name}`)),
    })
    grant({
      actions: ['ecs:RunTask'],
      resources: [ecs(`task-definition/${NAME}-migrate:*`)],
      conditions: inCluster,
    })
    grant({ actions: ['ecs:DescribeTasks', 'ecs:ListTasks'], resources: ['*'], conditions: inCluster })
    grant({
      actions: ['iam:PassRole'],
      resources: [...SERVICES, 'migrate'].flatMap(name =>
        ['task', 'execution'].map(kind => `arn:aws:iam::${account}:role/${NAME}-${name}-${kind}`),
      ),
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    })
    grant({
      actions: ['ssm:PutParameter'],
      resources: [`arn:aws:ssm:${region}:${account}:parameter${IMAGE_TAG_PARAMETER}`],
    })
    grant({
      actions: ['logs:FilterLogEvents'],
      resources: [`arn:aws:logs:${region}:${account}:log-group:/${NAME}/migrate:*`],
    })
    const standing: Record<string, string> = {
      'Resource::*':
        'Logging in to ECR and registering definitions support no resources; tasks are bound to the cluster.',
      [`Resource::arn:aws:ecs:${region}:${account}:task-definition/${NAME}-migrate:*`]:
        'Any revision of that one family.',
      [`Resource::arn:aws:logs:${region}:${account}:log-group:/${NAME}/migrate:*`]:
        'Any stream of that one group.',
    }
    for (const [finding, reason] of Object.entries(standing)) {
      acknowledge(role, `AwsSolutions-IAM5[${finding}]`, reason)
    }
  }
}

/**
 * The two forms in which GitHub names a run on main. For repositories created or renamed since July 2026, the name
 * contains the numbers of owner and repository. They are compared as a whole, because a pattern would admit other runs.
 */
export function subjectsOf({ github }: Pick<Config, 'github'>): string[] {
  const { owner, ownerId, repository, repositoryId } = github
  const run = 'ref:refs/heads/main'
  return [
    `repo:${owner}/${repository}:${run}`,
    `repo:${owner}@${ownerId}/${repository}@${repositoryId}:${run}`,
  ]
}
