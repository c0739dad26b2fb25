/* The server that the demo drives: one of its own, or one that runs already. */
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
  /** One sentence: what it runs on. */
  readonly description: string
  /** Begins the ids of this show's users: on a server that goes on, there were others before. */
  readonly idPrefix: string
  /** Nobody but our actors is on it. */
  readonly isAlone: boolean
  /** Our clock can be compared with the times it writes. */
  readonly isSameClock: boolean
  /** Rejects if the server ends before it should. */
  readonly failed: Promise<never>
  mintToken(caller: Caller): Promise<string>
  /** Undefined: the database is out of reach from here. */
  verify(): Promise<Check | undefined>
  /** What it logged, if it is ours to read: outside production, warnings and worse. */
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
