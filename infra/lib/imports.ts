/*
 * References to the foundation's resources for other stacks, by name. Grants are therefore written into the roles of
 * those stacks. Written into the foundation, they would make the stacks depend on each other in a circle.
 */

import { Stack } from 'aws-cdk-lib'
import * as ecr from 'aws-cdk-lib/aws-ecr'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import * as secrets from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { FoundationStack } from './foundation-stack.ts'

export function importSecret(scope: Construct, id: string, arn: string): secrets.ISecret {
  return secrets.Secret.fromSecretCompleteArn(scope, id, arn)
}

export function importKey(scope: Construct, id: string, foundation: FoundationStack): kms.IKey {
  return kms.Key.fromKeyArn(scope, id, foundation.key.keyArn)
}

export function importRepository(
  scope: Construct,
  id: string,
  { repository }: FoundationStack,
): ecr.IRepository {
  const { repositoryArn, repositoryName } = repository
  return ecr.Repository.fromRepositoryAttributes(scope, id, { repositoryArn, repositoryName })
}

/** Lets `role` read, and optionally write, secrets that the foundation's key encrypts, and use the key for them only. */
export function grantSecrets(
  role: iam.IRole,
  foundation: FoundationStack,
  arns: readonly string[],
  { write = false } = {},
): void {
  const { region } = Stack.of(foundation)
  const actions = ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret']
  const writing = ['secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecretVersionStage']
  role.addToPrincipalPolicy(
    new iam.PolicyStatement({ actions: write ? [...actions, ...writing] : actions, resources: [...arns] }),
  )
  role.addToPrincipalPolicy(
    new iam.PolicyStatement({
      actions: write ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'],
      resources: [foundation.key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } },
    }),
  )
}
