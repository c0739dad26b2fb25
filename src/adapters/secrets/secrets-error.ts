/** A secret cannot be read or used. The message is for an operator: it says what to check, and contains no value. */
export class SecretsError extends Error {
  override readonly name = 'SecretsError'
}
