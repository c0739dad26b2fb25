/* The server of the demo: its own, or one that is running already. */
import { findEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { signToken } from '../src/adapters/tokens/jwt.js'
import { loadSettings } from '../src/app/settings/settings.js'
import { resolveTokenKeys } from '../src/app/token-keys.js'
import type { Caller } from '../src/dispatch/person.js'
import type { Check } from './checks.js'
import { startServer } from './server.js'
import { verifyDatabase } from './verify.js'

export interface Backend {
  readonly url: string
  /** One sentence that describes the server. */
  readonly description: string
  /** The prefix of the ids of this show's users. A running server has users of earlier shows. */
  readonly idPrefix: string
  /** Whether only our actors use the server. */
  readonly isAlone: boolean
  /** Whether our clock can be compared with the server's times. */
  readonly isSameClock: boolean
  /** Rejects if the server ends too early. */
  readonly failed: Promise<never>
  mintToken(caller: Caller): Promise<string>
  /** Undefined if the database cannot be reached from here. */
  verify(): Promise<Check | undefined>
  /** Log lines of our own server: outside production, warnings and errors. */
  logLines(): readonly string[]
  stop(): Promise<void>
}

const TOKEN_TTL_MS = 2 * 3_600_000
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

const minterOf = (secret: string) => (caller: Caller) => signToken(caller, secret, TOKEN_TTL_MS)

export async function ownServer(): Promise<Backend> {
  const { url, secret, environment, failed, logLines, stop } = await startServer()
  return {
    url,
    description: `a server of its own on ${url}, on a Postgres made for this run`,
    idPrefix: '',
    isAlone: true,
    isSameClock: true,
    failed,
    mintToken: minterOf(secret),
    verify: () => verifyDatabase(environment),
    logLines: () => logLines,
    stop,
  }
}

/** Signs tokens as `npm run token` does, with the settings of this environment. */
export async function runningServer(url: string): Promise<Backend> {
  const settings = loadSettings()
  const { secret } = await resolveTokenKeys(settings)
  await expectHealthy(url)
  return {
    url,
    description: `the server on ${url}`,
    idPrefix: `demo-${Date.now().toString(36)}-`,
    isAlone: false,
    isSameClock: LOOPBACK.has(new URL(url).hostname),
    failed: new Promise(() => {}),
    mintToken: minterOf(secret),
    async verify() {
      const database = settings.databaseUrl ?? (await findEmbeddedPostgres(settings.dataDir))
      return database === undefined ? undefined : await verifyDatabase({})
    },
    logLines: () => [],
    async stop() {},
  }
}

async function expectHealthy(url: string): Promise<void> {
  const response = await fetch(`${url}/health`).catch(cause => {
    throw new Error(`No server answers on ${url}`, { cause })
  })
  if (!response.ok) throw new Error(`The server on ${url} is not well: ${await response.text()}`)
}
