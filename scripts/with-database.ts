import { findEmbeddedPostgres, startEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { loadSettings } from '../src/settings.js'

export const consoleLog = {
  info: (message: string) => console.log(message),
  warn: (message: string) => console.warn(message),
}

/**
 * Runs `work` on the database of the settings: that of DATABASE_URL, or the embedded one,
 * which is started and stopped again if it is not running. An error is printed as its sentence, exit code 1.
 */
export async function withDatabase(work: (connectionString: string) => Promise<void>): Promise<void> {
  try {
    const { databaseUrl, dataDir } = loadSettings()
    const running = databaseUrl ?? (await findEmbeddedPostgres(dataDir))
    if (running !== undefined) return await work(running)
    const server = await startEmbeddedPostgres({ dataDir, log: consoleLog })
    await work(server.connectionString).finally(() => server.stop())
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
