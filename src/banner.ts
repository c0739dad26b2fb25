/* What a person sees at a start outside production: where it is, where the data are, tokens to try it with. */
import { signToken } from './adapters/tokens/jwt.js'
import { demoPeople } from './demo-people.js'

const DEMO_TTL_HOURS = 24
export interface BannerFacts {
  readonly version: string
  readonly url: string
  /** In words for people, without a password. */
  readonly database: string
  readonly secret: string
  /** Where instances can be looked at, if anywhere. */
  readonly inspectUrl?: string
}

export async function banner(facts: BannerFacts): Promise<string> {
  const { version, url, database, secret, inspectUrl } = facts
  const tokens = await Promise.all(
    demoPeople.map(async caller => {
      const token = await signToken(caller, secret, DEMO_TTL_HOURS * 3_600_000)
      return `  ${`${caller.role} ${caller.id}`.padEnd(15)} ${token}`
    }),
  )
  return [
    '',
    `Loadcast ${version} listens on ${url}`,
    `Data: ${database}`,
    ...(inspectUrl === undefined ? [] : [`Live instances: ${inspectUrl}`]),
    `Tokens to try it with, good for ${DEMO_TTL_HOURS} hours (never printed in production):`,
    ...tokens,
    '',
    '',
  ].join('\n')
}
