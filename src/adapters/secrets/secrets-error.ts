/** What cannot be had. The message is for an operator: it says what to look at, and holds no value. */
export class SecretsError extends Error {
  override readonly name = 'SecretsError'
}
