/* What a start outside production prints: the URL, where the data are, and tokens to try the server with. */
import { signToken } from '../adapters/tokens/jwt.js'
import { demoPeople } from './demo-people.js'

/** A day to try the server, unless tokens may only live for less. */
const DEMO_TTL_MS = 24 * 3_600_000

export interface BannerFacts {
  readonly version: string
  readonly url: string
  /** For people to read, without a password. */
  readonly database: string
  readonly secret: string
  readonly accessTokenMaxMs: number
  /** The page that shows live instances, if it is enabled. */
  readonly inspectUrl?: string
}

export async function banner(facts: BannerFacts): Promise<string> {
  const { version, url, database, secret, inspectUrl } = facts
  const ttlMs = Math.min(DEMO_TTL_MS, facts.accessTokenMaxMs)
  const tokens = await Promise.all(
    demoPeople.map(async caller => {
      const token = await signToken(caller, secret, ttlMs)
      return `  ${`${caller.role} ${caller.id}`.padEnd(15)} ${token}`
    }),
  )
  return [
    '',
    `Loadcast ${version} listens on ${url}`,
    `Data: ${database}`,
    ...(inspectUrl === undefined ? [] : [`Live instances: ${inspectUrl}`]),
    `Tokens to try it with, good for ${inWords(ttlMs)} (never printed in production):`,
    ...tokens,
    '',
    '',
  ].join('\n')
}

function inWords(ms: number): string {
  const hours = ms / 3_600_000
  return Number.isInteger(hours) ? `${hours} hours` : `${Math.floor(ms / 1000)} seconds`
}
