/*
 * `node dist/migrate.js` brings a database to this release's schema. A release runs it once, from its own image, before
 * any of its servers starts. The database is the one of DATABASE_URL, or of the secret. It needs no development tools.
 */
import { complaintAbout } from './adapters/postgres/connection/address.js'
import { UnsupportedPostgresError } from './adapters/postgres/connection/server-version.js'
import { MigrationError, migrate } from './adapters/postgres/schema/migrate.js'
import { bootstrapSecrets } from './adapters/secrets/bootstrap.js'
import { secretNames } from './adapters/secrets/secret-values.js'
import { SecretsError } from './adapters/secrets/secrets-error.js'
import { createDatabaseWait, DatabaseAwayError } from './app/database-wait.js'
import { loadDatabaseWait, SettingsError, takeEnvironment } from './app/settings/settings.js'

const log = {
  info: (message: string) => void process.stdout.write(`${message}\n`),
  warn: (message: string) => void process.stderr.write(`${message}\n`),
}

async function main(): Promise<void> {
  const environment = takeEnvironment(secretNames)
  const { DATABASE_URL } = { ...(await bootstrapSecrets(environment)), ...environment }
  if (!DATABASE_URL) throw new MigrationError('DATABASE_URL: Required, here or in the secret of SECRETS_ARN')
  const complaint = complaintAbout(DATABASE_URL)
  if (complaint !== undefined) throw new MigrationError(`DATABASE_URL: ${complaint}`)
  const whenAvailable = createDatabaseWait({ waitMs: loadDatabaseWait(environment), tell: log.warn })
  await whenAvailable(() => migrate(DATABASE_URL, { log }))
}

// Process 1 of a container ignores signals without a handler.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.warn(`Not migrated: ended by ${signal}. The migration in progress is rolled back.`)
    process.exit(1)
  })
}

main().catch((error: Error) => {
  const kinds = [MigrationError, SecretsError, SettingsError, DatabaseAwayError, UnsupportedPostgresError]
  const isExplained = kinds.some(kind => error instanceof kind)
  log.warn(isExplained ? error.message : `Not migrated. ${error.stack ?? error}`)
  process.exitCode = 1
})
