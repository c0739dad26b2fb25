/*
 * The first thing a process does in AWS: read its secrets. They end up in the settings and nowhere else, least of all
 * in the environment, which children inherit and crash reports print.
 */

import { regionOf } from './secret-arn.js'
import { missingNames, parseSecret, type SecretValues } from './secret-values.js'
import { SecretsError } from './secrets-error.js'
import type { ReadOptions } from './secrets-manager.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The values of the secret named by `SECRETS_ARN`; none without it. What `environment` sets itself is for the
 * caller to prefer, and counts as there. Throws `SecretsError`, which names everything that is missing at once.
 */
export async function bootstrapSecrets(
  environment: Environment,
  options: ReadOptions = {},
): Promise<SecretValues> {
  const arn = environment.SECRETS_ARN
  if (arn === undefined || arn === '') return {}
  regionOf(arn)
  refuseLongLivedKeys(environment)
  // The SDK takes a while to load: only for those who need it.
  const { readSecret } = await import('./secrets-manager.js')
  const { values, problems } = parseSecret(await readSecret(arn, options))
  const missing = missingNames(values, environment).map(name => `${name}: Missing`)
  if (problems.length + missing.length > 0) {
    const lines = [...problems, ...missing].map(line => `  ${line}`)
    throw new SecretsError(`The secret ${arn} is not complete:\n${lines.join('\n')}`)
  }
  return values
}

/** A key without a session is good for ever, wherever it leaks to. */
function refuseLongLivedKeys(environment: Environment): void {
  const isLongLived = environment.AWS_ACCESS_KEY_ID !== undefined && !environment.AWS_SESSION_TOKEN
  if (environment.NODE_ENV !== 'production' || !isLongLived) return
  throw new SecretsError(
    'AWS_ACCESS_KEY_ID: Long-lived keys are refused in production. Remove it and give the task a role',
  )
}
