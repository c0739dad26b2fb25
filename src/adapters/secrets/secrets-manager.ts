/*
 * AWS Secrets Manager, asked with patience that ends. Who asks is the task's role: the SDK finds its credentials
 * at the address that ECS gives every task, and no key is kept anywhere.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { regionOf } from './secret-arn.js'
import { SecretsError } from './secrets-error.js'

/** A TLS handshake inside a region takes some 10 ms: after this long there is no way to it. */
const CONNECT_TIMEOUT_MS = 2_000
/** It answers within 100 ms; longer than this, another attempt has a better chance. */
const ANSWER_TIMEOUT_MS = 3_000
/** The SDK waits 100 ms doubling between them, or as long as throttling asks. */
const ATTEMPTS = 4

/** All attempts and waits together. ECS counts a task that is not healthy within its grace period as failed. */
const DEADLINE_MS = 20_000

export interface Patience {
  readonly connectMs?: number
  readonly answerMs?: number
}

/** A client for the secret's own region. Destroy it after use. */
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

/** The current text of the secret. Throws `SecretsError`. */
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

/** An SDK's error as a sentence. Its own message is left out where it is not known to hold nothing secret. */
export function secretsError(arn: string, error: unknown): SecretsError {
  if (error instanceof SecretsError) return error
  const { name, code } = error as { name?: string; code?: string }
  const reason = reasons[name ?? ''] ?? `it could not be asked (${code ?? name ?? 'unknown error'})`
  return new SecretsError(`The secret ${arn} could not be read: ${reason}`)
}
