/* What a person sees at a start outside production: where it is, where the data are, tokens to try it with. */
import { signToken } from '../adapters/tokens/jwt.js'
import { demoPeople } from './demo-people.js'

/** A day of trying it out, unless tokens may not live as long. */
const DEMO_TTL_MS = 24 * 3_600_000

export interface BannerFacts {
  readonly version: string
  readonly url: string
  /** In words for people, without a password. */
  readonly database: string
  readonly secret: string
  readonly accessTokenMaxMs: number
  /** Where instances can be looked at, if anywhere. */
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
