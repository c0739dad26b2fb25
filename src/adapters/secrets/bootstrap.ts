/*
 * Reads the secrets of a process in AWS, before the process does anything else. They end up in the settings only.
 * The environment does not get them, because child processes inherit it and crash reports print it.
 */

import { regionOf } from './secret-arn.js'
import { missingNames, parseSecret, type SecretValues } from './secret-values.js'
import { SecretsError } from './secrets-error.js'
import type { ReadOptions } from './secrets-manager.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Returns the values of the secret named by `SECRETS_ARN`, or none if it is not set. A value may be missing from the
 * secret if `environment` has it; the caller prefers those of `environment`. Throws `SecretsError`, which names all
 * missing values at once.
 */
export async function bootstrapSecrets(
  environment: Environment,
  options: ReadOptions = {},
): Promise<SecretValues> {
  const arn = environment.SECRETS_ARN
  if (arn === undefined || arn === '') return {}
  regionOf(arn)
  refuseLongLivedKeys(environment)
  // The SDK loads slowly, so it is imported only if there is a secret to read.
  const { readSecret } = await import('./secrets-manager.js')
  const { values, problems } = parseSecret(await readSecret(arn, options))
  const missing = missingNames(values, environment).map(name => `${name}: Missing`)
  if (problems.length + missing.length > 0) {
    const lines = [...problems, ...missing].map(line => `  ${line}`)
    throw new SecretsError(`The secret ${arn} is not complete:\n${lines.join('\n')}`)
  }
  return values
}

/** A key without a session token never expires, wherever it leaks to. */
function refuseLongLivedKeys(environment: Environment): void {
  const isLongLived = environment.AWS_ACCESS_KEY_ID !== undefined && !environment.AWS_SESSION_TOKEN
  if (environment.NODE_ENV !== 'production' || !isLongLived) return
  throw new SecretsError(
    'AWS_ACCESS_KEY_ID: Long-lived keys are refused in production. Remove it and give the task a role',
  )
}
