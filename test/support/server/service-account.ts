import { generateKeyPairSync } from 'node:crypto'

/** A service account in the form of Google's console, for a project that does not exist. */
export function makeServiceAccount(): Readonly<Record<string, string>> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    type: 'service_account',
    project_id: 'a-test',
    private_key_id: 'a-test-key',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: 'push@a-test.iam.gserviceaccount.com',
    token_uri: 'https://oauth2.googleapis.com/token',
  }
}
