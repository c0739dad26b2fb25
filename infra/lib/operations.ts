/* The task in which an operator rotates secrets. It is inside the network, as the database is not reachable from outside. */
import { Fn, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { grantSecrets } from './imports.ts'
import { NAME, SERVICES } from './names.ts'
import { Task } from './tasks.ts'

export function operationsTask(scope: Construct, foundation: FoundationStack, imageTag: string): Task {
  const { database, cache, secret } = foundation
  const administrator = database.instance.secret
  if (administrator === undefined) throw new Error('Expected a secret with the password that RDS manages')
  const address = Fn.join('', [
    database.instance.dbInstanceEndpointAddress,
    ':',
    database.instance.dbInstanceEndpointPort,
    `/${NAME}?sslmode=verify-full`,
  ])
  const task = new Task(scope, 'OperationsTask', {
    name: 'operations',
    foundation,
    imageTag,
    command: ['node', 'dist/rotate-secrets.js'],
    environment: {
      SECRETS_ARN: secret.secretArn,
      ADMIN_SECRET_ARN: administrator.secretArn,
      REDIS_AUTH_SECRET_ARN: cache.authToken.secretArn,
      REDIS_ADDRESS: cache.address,
      DATABASE_ADDRESS: address,
      ECS_CLUSTER: NAME,
      ECS_SERVICES: SERVICES.join(','),
    },
  })
  const role = task.definition.taskRole
  grantSecrets(role, foundation, [secret.secretArn], { write: true })
  grantSecrets(role, foundation, [administrator.secretArn, cache.authToken.secretArn])
  const { account, region } = Stack.of(scope)
  const inCluster = { ArnEquals: { 'ecs:cluster': `arn:aws:ecs:${region}:${account}:cluster/${NAME}` } }
  const grant = (statement: iam.PolicyStatementProps) =>
    role.addToPrincipalPolicy(new iam.PolicyStatement(statement))
  grant({
    actions: ['ecs:DescribeServices', 'ecs:UpdateService'],
    resources: SERVICES.map(name => `arn:aws:ecs:${region}:${account}:service/${NAME}/${name}`),
  })
  grant({ actions: ['ecs:ListTasks', 'ecs:DescribeTasks'], resources: ['*'], conditions: inCluster })
  grant({ actions: ['ecs:ListTaskDefinitions', 'ecs:DeregisterTaskDefinition'], resources: ['*'] })
  acknowledge(
    role as iam.Role,
    'AwsSolutions-IAM5[Resource::*]',
    'Tasks are bound to the cluster by a condition; listing and deregistering definitions support no resources.',
  )
  return task
}
