/*
 * The state of a rotation is kept where the values are: as labels on the secret's versions. NEXT is on the version
 * that is being brought in, BASE on the one it was planned from. Both stay until everything is done, so whoever
 * comes after a crash finds the very values that were begun with.
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
  /** What an earlier run began and did not end. */
  unfinished(): Promise<{ readonly base: SecretVersion; readonly next: SecretVersion } | undefined>
  /** Keeps the next values, in force nowhere yet. `id` makes a repeat harmless. */
  begin(base: SecretVersion, values: SecretValues, id: string): Promise<SecretVersion>
  /** From now on whoever starts reads `next`. Fails if somebody else has put another version in force. */
  promote(base: SecretVersion, next: SecretVersion): Promise<void>
  /** Ends a rotation, done or given up. */
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

  /** Moves a label only from where we believe it to be: the service refuses otherwise. */
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
    if (version === undefined) throw new SecretsError(`The secret ${arn} is not there, or holds no value yet`)
    return version
  }

  return {
    current,
    async unfinished() {
      const [base, next] = await Promise.all([labelled(BASE), labelled(NEXT)])
      // A base alone is of a run that died before it had kept anything.
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
          `The secret ${arn} was changed by somebody else meanwhile. Look at its versions, then run with --abandon`,
        )
      }
      await moveLabel(CURRENT, base.id, next.id)
    },
    async finish(base, next) {
      // NEXT goes first: without it there is no rotation, whatever BASE says.
      await moveLabel(NEXT, next.id, undefined)
      await moveLabel(BASE, base.id, undefined)
    },
  }
}
