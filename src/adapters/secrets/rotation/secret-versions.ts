/*
 * Keeps the state of a rotation where the values are: as labels on the versions of the secret. NEXT is on the new
 * version, BASE on the version that it was planned from. Both stay until the rotation is finished, so a run after a crash
 * finds the values that the rotation began with.
 */
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import { parseSecret, type SecretValues } from '../secret-values.js'
import { SecretsError } from '../secrets-error.js'
import { secretsError } from '../secrets-manager.js'

const CURRENT = 'AWSCURRENT'
const NEXT = 'ROTATION_NEXT'
const BASE = 'ROTATION_BASE'

export interface SecretVersion {
  readonly id: string
  readonly values: SecretValues
}

export interface SecretVersions {
  current(): Promise<SecretVersion>
  /** The rotation that an earlier run began and did not finish. */
  unfinished(): Promise<{ readonly base: SecretVersion; readonly next: SecretVersion } | undefined>
  /** Stores the next values, which nothing uses yet. The same `id` makes a repeat harmless. */
  begin(base: SecretVersion, values: SecretValues, id: string): Promise<SecretVersion>
  /** Makes `next` current, so processes that start from now on read it. Throws if another version has become current. */
  promote(base: SecretVersion, next: SecretVersion): Promise<void>
  /** Ends a rotation that is done or abandoned. */
  finish(base: SecretVersion, next: SecretVersion): Promise<void>
}

export function createSecretVersions(client: SecretsManagerClient, arn: string): SecretVersions {
  async function labelled(stage: string): Promise<SecretVersion | undefined> {
    try {
      const answer = await client.send(new GetSecretValueCommand({ SecretId: arn, VersionStage: stage }))
      const { values, problems } = parseSecret(answer.SecretString ?? '')
      if (problems.length > 0) throw new SecretsError(`The secret ${arn}: ${problems.join('; ')}`)
      return { id: answer.VersionId ?? '', values }
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined
      throw secretsError(arn, error)
    }
  }

  /** Moves a label only from the version where it is expected to be: the service refuses otherwise. */
  const moveLabel = (stage: string, from: string | undefined, to: string | undefined) =>
    client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: arn,
        VersionStage: stage,
        ...(from === undefined ? {} : { RemoveFromVersionId: from }),
        ...(to === undefined ? {} : { MoveToVersionId: to }),
      }),
    )

  async function current(): Promise<SecretVersion> {
    const version = await labelled(CURRENT)
    if (version === undefined) throw new SecretsError(`The secret ${arn} does not exist, or has no value yet`)
    return version
  }

  return {
    current,
    async unfinished() {
      const [base, next] = await Promise.all([labelled(BASE), labelled(NEXT)])
      // A run that crashed before it stored the next values leaves only a base.
      return base === undefined || next === undefined ? undefined : { base, next }
    },
    async begin(base, values, id) {
      const stale = await labelled(BASE)
      if (stale?.id !== base.id) await moveLabel(BASE, stale?.id, base.id)
      await client.send(
        new PutSecretValueCommand({
          SecretId: arn,
          ClientRequestToken: id,
          SecretString: JSON.stringify(values),
          VersionStages: [NEXT],
        }),
      )
      return { id, values }
    },
    async promote(base, next) {
      const [{ id }, holder] = await Promise.all([current(), labelled(NEXT)])
      if (id === next.id) return
      if (holder?.id !== next.id || id !== base.id) {
        throw new SecretsError(
          `Something else changed the secret ${arn} during the rotation. Check its versions, then run with --abandon`,
        )
      }
      await moveLabel(CURRENT, base.id, next.id)
    },
    async finish(base, next) {
      // NEXT is removed first: without it no rotation is in progress, whatever BASE says.
      await moveLabel(NEXT, next.id, undefined)
      await moveLabel(BASE, base.id, undefined)
    },
  }
}
