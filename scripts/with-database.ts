import { findEmbeddedPostgres, startEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { loadSettings, type Settings } from '../src/app/settings/settings.js'

export const consoleLog = {
  info: (message: string) => console.log(message),
  warn: (message: string) => console.warn(message),
}

/**
 * Runs `work` on the database of the settings: that of DATABASE_URL, or the embedded one. The embedded one is started and
 * stopped again if it is not running. An error is printed as its message, with exit code 1.
 */
export async function withDatabase(
  work: (connectionString: string, settings: Settings) => Promise<void>,
): Promise<void> {
  try {
    const settings = loadSettings()
    const { databaseUrl, dataDir } = settings
    const running = databaseUrl ?? (await findEmbeddedPostgres(dataDir))
    if (running !== undefined) return await work(running, settings)
    const server = await startEmbeddedPostgres({ dataDir, log: consoleLog })
    await work(server.connectionString, settings).finally(() => server.stop())
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
