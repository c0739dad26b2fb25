import { SecretsError } from './secrets-error.js'

const arnPattern = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[\w/+=.@-]+$/

/** Returns the region in the ARN of a secret. Throws `SecretsError` if `arn` is anything else. */
export function regionOf(arn: string): string {
  const region = arnPattern.exec(arn)?.[1]
  if (region !== undefined) return region
  throw new SecretsError('SECRETS_ARN: Expected arn:aws:secretsmanager:<region>:<account>:secret:<name>')
}
