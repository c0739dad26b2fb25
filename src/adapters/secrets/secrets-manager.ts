/*
 * Reads from AWS Secrets Manager, with a bounded number of attempts. The credentials are those of the task role: the SDK
 * gets them from an address that ECS gives every task, so no key is stored anywhere.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { regionOf } from './secret-arn.js'
import { SecretsError } from './secrets-error.js'

/** A TLS handshake inside a region takes about 10 ms. After this long, the service cannot be reached. */
const CONNECT_TIMEOUT_MS = 2_000
/** The service answers within 100 ms. After this long, another attempt is more likely to succeed. */
const ANSWER_TIMEOUT_MS = 3_000
/** Between attempts the SDK waits 100 ms, doubled each time, or as long as throttling demands. */
const ATTEMPTS = 4

/** Limit for all attempts and pauses. ECS counts a task as failed if it is not healthy within its grace period. */
const DEADLINE_MS = 20_000

export interface Patience {
  readonly connectMs?: number
  readonly answerMs?: number
}

/** A client for the secret's own region. The caller must destroy it after use. */
export function createSecretsClient(arn: string, patience: Patience = {}): SecretsManagerClient {
  return new SecretsManagerClient({
    region: regionOf(arn),
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: patience.connectMs ?? CONNECT_TIMEOUT_MS,
      requestTimeout: patience.answerMs ?? ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  })
}

export interface ReadOptions extends Patience {
  readonly deadlineMs?: number
}

/** Returns the current text of the secret. Throws `SecretsError`. */
export async function readSecret(arn: string, { deadlineMs = DEADLINE_MS, ...patience }: ReadOptions = {}) {
  const client = createSecretsClient(arn, patience)
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    const late = new SecretsError(`The secret ${arn} could not be read within ${deadlineMs} ms`)
    timer = setTimeout(() => reject(late), deadlineMs)
  })
  try {
    const asked = client.send(new GetSecretValueCommand({ SecretId: arn }))
    const { SecretString } = await Promise.race([asked, deadline])
    if (SecretString === undefined) throw new SecretsError(`The secret ${arn} holds no text`)
    return SecretString
  } catch (error) {
    throw secretsError(arn, error)
  } finally {
    clearTimeout(timer)
    client.destroy()
  }
}

const reasons: Readonly<Record<string, string>> = {
  AccessDeniedException:
    'this task may not read it: grant its role secretsmanager:GetSecretValue on the secret and kms:Decrypt on its key',
  ResourceNotFoundException: 'there is no such secret, or it holds no value yet',
  DecryptionFailure: 'its key cannot be used: grant the task role kms:Decrypt',
  ThrottlingException: 'it was throttled until the attempts were used up',
  CredentialsProviderError: 'this process has no AWS credentials: give the task definition a task role',
  TimeoutError: 'it did not answer in time',
  AbortError: 'it did not answer in time',
}

/** Describes an SDK error in a sentence. The SDK's own message is left out, because it may contain a secret. */
export function secretsError(arn: string, error: unknown): SecretsError {
  if (error instanceof SecretsError) return error
  const { name, code } = error as { name?: string; code?: string }
  const reason = reasons[name ?? ''] ?? `the request failed (${code ?? name ?? 'unknown error'})`
  return new SecretsError(`The secret ${arn} could not be read: ${reason}`)
}
