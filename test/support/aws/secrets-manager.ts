/* The versions of Secrets Manager and their labels, with the rules that clients rely on. */
import { randomUUID } from 'node:crypto'
import { AwsError, type Body, type Operations, REGION } from './server.js'

export interface StoredVersion {
  readonly id: string
  readonly text: string
  readonly stages: Set<string>
}

export const arnOf = (name: string) => `arn:aws:secretsmanager:${REGION}:123456789012:secret:${name}-AbCdEf`

/** A fake Secrets Manager. Over 70 lines because its commands share the versions and their stages. */
export function createSecretsManager(secrets: Readonly<Record<string, string>>) {
  const stored = new Map<string, StoredVersion[]>(
    Object.entries(secrets).map(([name, text]) => [
      arnOf(name),
      [{ id: randomUUID(), text, stages: new Set(['AWSCURRENT']) }],
    ]),
  )
  const versionsOf = ({ SecretId }: Body) => {
    const versions = stored.get(SecretId)
    if (versions === undefined) {
      throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    }
    return versions
  }
  const move = (versions: StoredVersion[], stage: string, to: StoredVersion | undefined) => {
    for (const version of versions) version.stages.delete(stage)
    to?.stages.add(stage)
  }

  const operations: Operations = {
    GetSecretValue(body) {
      const stage = body.VersionStage ?? 'AWSCURRENT'
      const found = versionsOf(body).find(({ stages }) => stages.has(stage))
      if (found === undefined) {
        throw new AwsError(
          'ResourceNotFoundException',
          `Secrets Manager can't find the specified secret value for staging label: ${stage}`,
        )
      }
      return {
        ARN: body.SecretId,
        Name: 'x',
        VersionId: found.id,
        SecretString: found.text,
        VersionStages: [...found.stages],
      }
    },
    PutSecretValue(body) {
      const versions = versionsOf(body)
      const known = versions.find(({ id }) => id === body.ClientRequestToken)
      if (known !== undefined && known.text !== body.SecretString) {
        throw new AwsError('ResourceExistsException', 'That version has another value')
      }
      const version = known ?? { id: body.ClientRequestToken, text: body.SecretString, stages: new Set() }
      if (known === undefined) versions.push(version)
      for (const stage of body.VersionStages ?? ['AWSCURRENT']) move(versions, stage, version)
      return { ARN: body.SecretId, VersionId: version.id, VersionStages: [...version.stages] }
    },
    UpdateSecretVersionStage(body) {
      const { VersionStage: stage, RemoveFromVersionId: from, MoveToVersionId: to } = body
      const versions = versionsOf(body)
      const holder = versions.find(({ stages }) => stages.has(stage))
      if (holder !== undefined && holder.id !== from && holder.id !== to) {
        throw new AwsError('InvalidParameterException', `${stage} is attached to another version`)
      }
      if (from !== undefined && from !== holder?.id) {
        throw new AwsError('InvalidParameterException', `${stage} is not attached to ${from}`)
      }
      const target = versions.find(({ id }) => id === to)
      if (to !== undefined && target === undefined) throw new AwsError('ResourceNotFoundException')
      move(versions, stage, target)
      if (stage === 'AWSCURRENT' && holder !== undefined) move(versions, 'AWSPREVIOUS', holder)
      return { ARN: body.SecretId }
    },
  }
  return {
    operations,
    versions: (name: string) => stored.get(arnOf(name)) ?? [],
    /** The values that a task would get if it started now. */
    values(name: string): Record<string, string> {
      const current = stored.get(arnOf(name))?.find(({ stages }) => stages.has('AWSCURRENT'))
      return JSON.parse(current?.text ?? '{}')
    },
  }
}
